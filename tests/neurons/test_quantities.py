"""Quantities as text and as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from brian2 import (
    Hz,
    Quantity,
    amp,
    farad,
    metre,
    mM,
    ms,
    mV,
    nF,
    nS,
    ohm,
    pA,
    second,
    siemens,
    volt,
)
from brian2.equations.equations import dimensions_and_type_from_string
from brian2.units.fundamentalunits import DIMENSIONLESS, get_dimensions

from brianbridge.neurons.quantities import (
    from_json,
    parse_quantity,
    seconds,
    si_array,
    to_json,
    unit_name,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10 ms", 10 * ms),
        ("10*ms", 10 * ms),
        (" -70.6 mV ", -70.6 * mV),
        ("1e-3 second", 1 * ms),
        (".5 nS", 0.5 * nS),
        ("5/ms", 5 / ms),
        ("8 mV/ms", 8 * mV / ms),
        ("3 ms**-2", 3 / ms**2),
        ("2 (nS/nF)", 2 * nS / nF),
        ("1 ms**0.5", ms**0.5),
        ("1.5", 1.5),
        ("+2", 2.0),
        (0.5, 0.5),
        (3 * pA, 3 * pA),
        (["1 ms", "2 ms"], [1, 2] * ms),
        ([1, 2.5], np.array([1, 2.5])),
        (True, True),
    ],
)
def test_text_becomes_a_quantity(text, value):
    parsed = parse_quantity(text, "x")
    assert get_dimensions(parsed) is get_dimensions(value)
    np.testing.assert_allclose(np.asarray(parsed), np.asarray(value), rtol=1e-15)


@pytest.mark.parametrize(
    "text", ["", "ms", "10 20", "ten ms", "10 ms + 1 ms", "10 exp(1)", "10 ms ms", "1e999", "nan"]
)
def test_what_is_no_quantity_is_refused(refused, text):
    with refused("x"):
        parse_quantity(text, "x")


def test_an_unknown_unit_gets_a_suggestion(refused):
    with refused("x: unknown unit 'sec' in '10 sec'", "second"):
        parse_quantity("10 sec", "x")
    with refused("x: unknown unit 's' in '10 s'", "Did you mean 'second'?"):
        parse_quantity("10 s", "x")


@pytest.mark.parametrize(
    "value", [1 / 3 * mV, 10 * ms, 0.1, True, [1 / 3, 1e-300] * pA, np.array([0.1, 7]), 2 * nS / nF]
)
def test_json_keeps_every_bit(value):
    again = from_json(json.loads(json.dumps(to_json(value))))
    assert get_dimensions(again) is get_dimensions(value)
    assert np.array_equal(np.asarray(again), np.asarray(value))


@pytest.mark.parametrize(
    "unit",
    [volt, amp, ohm, siemens, farad, second, Hz, mV / ms, pA / ms, siemens / metre**2, 1 / mV**2,
     mM, mV**2 * ms, nF / (metre**2)],
)  # fmt: skip
def test_equations_understand_the_name_of_every_unit(unit):
    dimension, _ = dimensions_and_type_from_string(unit_name(get_dimensions(unit)))
    assert dimension is get_dimensions(unit)


def test_no_dimension_is_1():
    assert unit_name(None) == unit_name(DIMENSIONLESS) == "1"


def test_si_array_is_plain():
    values = si_array([1, 2] * mV)
    assert type(values) is np.ndarray
    assert values.tolist() == [1e-3, 2e-3]


@pytest.mark.parametrize("value", ["2 ms", 2 * ms, 0.002, Quantity(0.002, dim=second.dim)])
def test_seconds(value):
    assert seconds(value, "dt") == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "dt = 0.0 s is not above 0"),
        (-1e-3, "is not above 0"),
        (float("nan"), "is not finite"),
        ("1 mV", "is not a time; write '1 ms'"),
        (1 * mV, "is not a time; write '1 ms'"),
        ([1, 2] * ms, "is not a time"),
        (None, "dt: None is not a quantity"),
        ("foo", "dt: 'foo' is not a quantity"),
    ],
)
def test_seconds_refuses_what_is_no_time(refused, value, said):
    with refused(said):
        seconds(value, "dt")
