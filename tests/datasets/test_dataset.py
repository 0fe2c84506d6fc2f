from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from brianbridge.datasets import Dataset, from_arrays
from brianbridge.errors import InputError

X = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 2, 3)
Y = np.array([0, 1, 2, 1])


@pytest.fixture
def data() -> Dataset:
    return Dataset("demo", "all", "as given", X, Y, ("a", "b", "c"), "")


def test_shape_length_and_flat(data):
    assert len(data) == 4
    assert data.shape == (2, 3)
    np.testing.assert_array_equal(data.flat[1], X[1].ravel())
    with pytest.raises(FrozenInstanceError):
        data.name = "other"


def test_values_that_are_not_finite_are_counted_and_located(data):
    x = X.copy()
    x[2, 1, 0] = np.nan
    x[3, 0, 2] = np.inf
    with pytest.raises(InputError, match=r"'demo': x has 2 values .* nan, at index \(2, 1, 0\)"):
        replace(data, x=x)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_the_first_wrong_label_is_named(data, wrong):
    with pytest.raises(InputError, match=rf"label {wrong} of sample 2 is not in 0\.\.2"):
        replace(data, y=np.array([0, 1, wrong, wrong]))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"y": Y[:3]}, r"x has shape \(4, 2, 3\) and y \(3,\)"),
        ({"y": Y[:, None]}, r"y \(4, 1\)"),
        ({"x": X[:, 0, 0]}, r"x has shape \(4,\)"),
        ({"x": X[:0], "y": Y[:0]}, "has no samples"),
        ({"x": X.astype(np.float64)}, "x must be an array of float32, not float64"),
        ({"y": Y.astype(np.int32)}, "y must be an array of int64, not int32"),
        ({"y": [0, 1, 2, 1]}, "y must be an array of int64, not list"),
        ({"classes": ("a", "b", "a")}, "class 'a' occurs twice"),
    ],
)
def test_misfits_are_refused(data, change, expected):
    with pytest.raises(InputError, match=expected):
        replace(data, **change)


def test_subset_keeps_the_order_and_says_what_it_is(data):
    part = data.subset([3, 0])
    np.testing.assert_array_equal(part.x, X[[3, 0]])
    assert part.y.tolist() == [1, 0]
    assert part.split == "as given; 2 of 4 samples"
    part.x[:] = 0.5
    assert data.x[3, 1, 2] == 1  # a copy


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        ([0, 4], "there is no sample 4; give 0 to 3"),
        ([-1], "no sample -1"),
        (np.array([True, False, True, False]), "np.flatnonzero"),
        ([0.0], "float64"),
        ([[0]], r"shape \(1, 1\)"),
    ],
)
def test_subset_refuses_what_is_not_a_sample(data, indices, expected):
    with pytest.raises(InputError, match=expected):
        data.subset(indices)


def test_own_arrays_are_converted_and_not_aliased():
    x = np.ones((3, 2), np.float32)
    data = from_arrays("mine", x, [2, 0, 0], part="train")
    x[:] = np.nan
    assert (data.x.dtype, data.y.dtype) == (np.float32, np.int64)
    assert data.x.sum() == 6
    assert data.classes == ("0", "1", "2")
    assert (data.part, data.split) == ("train", "as given")


def test_digest_depends_on_values_shape_and_labels():
    x = np.arange(8.0).reshape(2, 4)
    digests = {
        from_arrays("mine", a, y).sha256
        for a, y in ((x, [0, 1]), (x, [1, 0]), (x.reshape(2, 2, 2), [0, 1]), (x + 1, [0, 1]))
    }
    assert len(digests) == 4
    assert from_arrays("mine", x, [0, 1]).sha256 == from_arrays("x", x.tolist(), [0, 1]).sha256


@pytest.mark.parametrize(
    "dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">i4", ">u2", "intp"]
)
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_labels_of_any_integer_type_and_shape_are_the_same(dtype, shape):
    y = np.array([2, 0, 1], dtype).reshape(shape)
    data = from_arrays("mine", np.ones((3, 2)), y)
    assert data.y.tolist() == [2, 0, 1]
    assert (data.y.dtype, data.classes) == (np.int64, ("0", "1", "2"))
    assert data.sha256 == from_arrays("mine", np.ones((3, 2)), [2, 0, 1]).sha256


def test_booleans_are_two_classes_even_if_one_does_not_occur():
    data = from_arrays("mine", np.ones((2, 1)), [False, False])
    assert (data.y.tolist(), data.classes) == ([0, 0], ("0", "1"))


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_labels_as_a_column(kind):
    assert from_arrays("mine", np.ones((2, 1)), kind([[1], [0]])).y.tolist() == [1, 0]


def test_names_as_a_column():
    assert from_arrays("mine", np.ones((2, 1)), [["b"], ["a"]]).y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.eye(2, dtype=int), r"y has shape \(2, 2\).*y\.argmax\(1\)"),
        ([["a", "b"], ["c", "d"]], r"y has shape \(2, 2\)"),
        (np.zeros((2, 1, 1), int), r"y has shape \(2, 1, 1\)"),
        (1, r"y has shape \(\)"),
        (np.array([2**63, 0], np.uint64), "the label 9223372036854775808"),
        (np.ma.masked_array([0, 1], [False, True]), "1 masked value"),
        (np.array([b"a", b"b"]), r"not \|S1; .*y\.astype\(str\)"),
        (np.array([0, None]), "not object"),
        ([0, 1j], "not complex128"),
        (np.array([0, 1], "datetime64[s]"), "not datetime64"),
        ([], "has no samples|the same number of samples"),
    ],
)
def test_labels_that_are_none(y, expected):
    with pytest.raises(InputError, match=expected) as found:
        from_arrays("mine", np.ones((2, 1)), y)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ("ab", "give a list of names"),
        ([0, 1], "name of class 0 is 0"),
        (["a", "a"], "occurs twice"),
        ({"a", "b"}, "give a list of names"),
    ],
)
def test_class_names_that_are_none(classes, expected):
    with pytest.raises(InputError, match=expected):
        from_arrays("mine", np.ones((2, 1)), [0, 1], classes=classes)


@pytest.mark.parametrize("name", [None, 3, b"x", ["x"]])
def test_a_data_set_is_called_by_a_text(name):
    with pytest.raises(InputError, match="its name is not a string"):
        from_arrays(name, np.ones((2, 1)), [0, 1])


def test_class_names_as_labels():
    data = from_arrays("mine", np.ones((3, 2)), ["no", "yes", "no"], classes=("yes", "no", "maybe"))
    assert data.y.tolist() == [1, 0, 1]
    assert data.classes == ("yes", "no", "maybe")


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (
            [[1.0], [2.0]],
            ["cat", "dgo"],
            "label 'dgo' of sample 1 is not a class. Did you mean 'dog'",
        ),
        ([[1.0], [2.0]], [0.0, 1.0], "y must be integers or class names, not float64"),
        ([[1.0], [2.0, 3.0]], [0, 1], "x are not an array of numbers"),
        ([["a"], ["b"]], [0, 1], "x are text; give numbers"),
        ([[1.0], [1e300]], [0, 1], r"inf, at index \(1, 0\)"),
        ([[1.0], [2.0]], [0, 2], "label 2 of sample 1"),
    ],
)
def test_own_arrays_that_do_not_fit(x, y, expected):
    with pytest.raises(InputError, match=expected):
        from_arrays("mine", x, y, classes=["cat", "dog"])
