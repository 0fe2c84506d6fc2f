"""What NumPy would change in silence is refused; all other numbers are taken."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import scipy.sparse
import torch
from brian2 import mV

from brianbridge.arrays import as_array, as_numbers
from brianbridge.errors import InputError

REFUSED = [
    (np.ma.masked_array([[1.0, 2.0]], [[False, True]]), r"1 masked value; .*x\.filled"),
    (np.array([[1 + 1j, 2]]), "complex numbers; give their real part"),
    (torch.ones(1, 2, dtype=torch.complex64), "complex"),
    (np.array([["2020-01-01", "2020-01-02"]], "datetime64[D]"), "dates; give numbers"),
    (np.array([[1, 2]], "timedelta64[s]"), "time differences"),
    ([[date(2020, 1, 1), date(2020, 1, 2)]], "Python objects"),
    (np.array([[1, None]]), "Python objects"),
    (scipy.sparse.eye(2), r"x\.toarray\(\)"),
    ([["1", "2"]], "text"),
    ([[b"1", b"2"]], "bytes"),
    (np.zeros((1, 2), [("a", float)]), "records"),
    ([1, 2] * mV, "have a unit"),
    ([[1.0], [1.0, 2.0]], "not an array of numbers"),
]


@pytest.mark.parametrize(("values", "expected"), REFUSED)
def test_what_would_lose_its_meaning_is_refused_in_a_line(values, expected):
    with pytest.raises(InputError, match=expected) as found:
        as_numbers(values, np.float32, "the samples")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "values",
    [
        [[1, 0]], np.array([[1, 0]], np.uint8), np.array([[True, False]]),
        np.array([[1, 0]], np.float16), np.array([[1, 0]], ">f8"),
        np.ma.masked_array([[1.0, 0.0]], False), torch.tensor([[1.0, 0.0]], requires_grad=True),
        torch.tensor([[1.0, 0.0]], dtype=torch.bfloat16), torch.tensor([[True, False]]),
    ],
)  # fmt: skip
def test_all_real_numbers_are_taken(values):
    found = as_numbers(values, np.float64, "the samples")
    assert type(found) is np.ndarray
    assert (found.dtype, found.tolist()) == (np.float64, [[1.0, 0.0]])


def test_a_copy_is_made_where_it_is_asked_for():
    x = np.ones(2)
    assert as_numbers(x, float, "x") is x
    assert not np.shares_memory(as_numbers(x, float, "x", copy=True), x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_floats_of_torch_keep_their_values(dtype):
    x = torch.linspace(-3, 3, 7, dtype=dtype)
    found = as_array(x, "x")
    assert found.dtype == np.float32
    assert found.tolist() == x.tolist()
