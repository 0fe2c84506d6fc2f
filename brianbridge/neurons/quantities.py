"""Physical quantities: times in seconds, arrays in SI units, and what JSON holds of them.

A `Quantity` goes to JSON and back without losing a bit. Text is read by
`brianbridge.neurons.quantity_text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.quantity_text import parse_quantity, unit_name, unit_of

__all__ = [
    "as_time",
    "checked_step",
    "from_json",
    "parse_quantity",
    "plain",
    "seconds",
    "si_array",
    "to_json",
    "unit_name",
    "unit_of",
]


#: Limits of the length of a step, in seconds: Brian2 counts these exactly.
_SHORTEST_STEP, _LONGEST_STEP = 1e-9, 1e3


def seconds(value: Any, what: str, *, zero: bool = False) -> float:
    """Return a time in seconds, given as text, as a `Quantity` or as a number of seconds.

    Raises
    ------
    InputError
        If it is not a time, or not above 0. With `zero`, 0 is allowed.

    Examples
    --------
    >>> seconds("2 ms", "dt"), seconds(1e-4, "dt")
    (0.002, 0.0001)
    """
    plain = isinstance(value, int | float) and not isinstance(value, bool)  # needs no Brian2
    quantity = value if plain else parse_quantity(value, what)
    other_unit = hasattr(quantity, "dim") and unit_name(quantity.dim) != "second"
    if np.ndim(quantity) or other_unit or np.asarray(quantity).dtype == bool:
        raise InputError(f"{what} = {one_line(str(value)):.80} is not a time; write '1 ms'")
    try:
        length = float(quantity)
    except OverflowError:
        length = float("inf")
    if zero and length == 0:
        return 0.0
    if not 0 < length < float("inf"):
        problem = "not finite" if not np.isfinite(length) else "below 0" if zero else "not above 0"
        raise InputError(f"{what} = {length} s is {problem}; give a time such as '1 ms'")
    return length


def checked_step(value: Any, what: str) -> float:
    """Return the length of a step in seconds, as `seconds`, within the limits of Brian2's clock.

    Raises
    ------
    InputError
        If it is no time, or out of these limits.

    Examples
    --------
    >>> checked_step("0.1 ms", "dt")
    0.0001
    """
    length = seconds(value, what)
    if not _SHORTEST_STEP <= length <= _LONGEST_STEP:
        raise InputError(
            f"{what} = {length:g} s; give a step from {_SHORTEST_STEP:g} s to {_LONGEST_STEP:g} s"
        )
    return length


def as_time(value: Any) -> Any:
    """Return a time as a `Quantity`. A plain number is in seconds.

    Examples
    --------
    >>> as_time(0.002), as_time("5 ms")
    (2. * msecond, 5. * msecond)
    """
    from brian2 import second

    return seconds(value, "time", zero=True) * second


def si_array(value: Any) -> np.ndarray:
    """Return the plain float64 array of `value` in SI base units.

    Examples
    --------
    >>> from brian2 import ms
    >>> float(si_array(10 * ms))
    0.01
    """
    return np.array(value, dtype=np.float64)


def to_json(value: Any) -> dict[str, Any]:
    """Describe a quantity by its SI value and its exponents of the seven base units.

    Examples
    --------
    >>> from brian2 import ms
    >>> to_json(10 * ms)
    {'value': 0.01, 'dimensions': [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]}
    """
    from brian2.units.fundamentalunits import get_dimensions

    if np.asarray(value).dtype == bool:
        return {"value": np.asarray(value).tolist()}
    dimensions = [float(d) for d in get_dimensions(value)._dims]
    entry: dict[str, Any] = {"value": si_array(value).tolist()}
    if any(dimensions):
        entry["dimensions"] = dimensions
    return entry


def plain(value: Any, *, as_text: bool = False) -> Any:
    """Return options as JSON values, with `to_json` of all quantities and arrays in them.

    Parameters
    ----------
    value : object
        An option, or options in mappings and sequences.
    as_text : bool
        Whether a quantity becomes text, rounded as Brian2 prints it.

    Examples
    --------
    >>> from brian2 import ms
    >>> plain({"divisor": 10, "tau": "5 ms", "cv": np.float32(0.5)})
    {'divisor': 10, 'tau': '5 ms', 'cv': 0.5}
    >>> plain([2 * ms])
    [{'value': 0.002, 'dimensions': [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]}]
    >>> plain({"tau": 2 * ms}, as_text=True)
    {'tau': '2. ms'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry, as_text=as_text) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry, as_text=as_text) for entry in value]
    if value is None or isinstance(value, str | bool) or type(value) in (int, float):
        return value
    entry = to_json(value)
    if list(entry) == ["value"]:
        return entry["value"]
    return str(value) if as_text and np.ndim(value) == 0 else entry


def from_json(entry: dict[str, Any]) -> Any:
    """Return the quantity that `to_json` described, bit for bit."""
    from brian2.units.fundamentalunits import Quantity, get_or_create_dimension

    value = entry["value"]
    if isinstance(value, list):
        flags = all(isinstance(item, bool) for item in value)
        value = np.array(value, dtype=bool if flags else np.float64)
    if "dimensions" not in entry:
        return value
    return Quantity(value, dim=get_or_create_dimension(entry["dimensions"]))
