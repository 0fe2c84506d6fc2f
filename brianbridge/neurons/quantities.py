"""Read and write physical quantities as text: ``"10 ms"``, ``"-70 mV"``, ``"1.0"``.

The one place where a string of a TOML file becomes a Brian2 `Quantity`, and where a `Quantity`
becomes something that JSON can hold without losing a bit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.expressions import one_line, parse_expression

__all__ = ["from_json", "parse_quantity", "seconds", "si_array", "to_json", "unit_name"]

_NUMBER = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*?\s*([^\d\s].*)?$")
#: Characters of a quantity.
_LONGEST = 200
#: In the order of Brian2's exponents.
_SI_BASE_UNITS = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candela")


def _unit(node: ast.expr, text: str, what: str) -> Any:
    from brian2.core.namespace import DEFAULT_UNITS

    text = one_line(text)
    match node:
        case ast.Name(id=name):
            if name not in DEFAULT_UNITS:
                raise InputError(
                    f"{what}: unknown unit '{name}' in '{text}'. "
                    + did_you_mean(name, ("ms", "second", "mV", "volt", "Hz", "pA", "nS", "pF"))
                )
            return DEFAULT_UNITS[name]
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_unit(operand, text, what)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _unit(left, text, what) * _unit(right, text, what)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _unit(left, text, what) / _unit(right, text, what)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            power = _unit(right, text, what)
            if isinstance(power, float):
                return _unit(left, text, what) ** power
    raise InputError(f"{what}: '{text}' is no quantity; write a number and a unit, like '10 ms'")


def parse_quantity(value: Any, what: str) -> Any:
    """Turn text, a number, a list of either or a `Quantity` into a `Quantity` (or number).

    Parameters
    ----------
    value : str, float, list or Quantity
        ``"10 ms"``, ``"10*ms"``, ``"5/ms"``, ``1.0`` or ``["10 ms", "20 ms"]``.
    what : str
        What the value is, for the error message.

    Returns
    -------
    Quantity, float or numpy.ndarray
        With units where the text had one.

    Raises
    ------
    InputError
        If the text is no quantity, a unit is unknown, or a value is not finite.

    Examples
    --------
    >>> parse_quantity("10 ms", "tau")
    10. * msecond
    >>> parse_quantity(0.5, "theta")
    0.5
    """
    result: Any
    if isinstance(value, list | tuple) and value and all(isinstance(item, bool) for item in value):
        result = np.array(value)
    elif isinstance(value, str):
        result = _from_text(value, what)
    elif isinstance(value, list | tuple):
        result = _from_list(value, what)
    elif isinstance(value, bool | int | float | np.generic | np.ndarray):
        # Brian2 knows Python's True and False, and not NumPy's.
        flag = np.ndim(value) == 0 and np.asarray(value).dtype == bool
        result = bool(value) if flag else value
    else:
        raise InputError(f"{what}: {value!r:.80} is no quantity; write a number and a unit")
    if np.size(result) == 0:
        raise InputError(f"{what} has no values; give at least one")
    if np.asarray(result).dtype.kind not in "biufO":
        raise InputError(f"{what}: {value!r:.80} is no real number; give one")
    try:
        numbers = np.ravel(np.asarray(result, dtype=float))
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{what}: {value!r:.80} is no quantity ({error})") from None
    if not np.all(np.isfinite(numbers)):
        bad = numbers[~np.isfinite(numbers)][0]
        raise InputError(f"{what}: {bad} is not finite; give finite numbers")
    return float(result) if isinstance(result, int) and abs(result) >= 2**63 else result


def _from_text(text: str, what: str) -> Any:
    """Return a number, or with a unit a `Quantity`."""
    from brian2.units.fundamentalunits import DimensionMismatchError

    match = _NUMBER.match(text) if len(text) <= _LONGEST else None
    shown = f"{what}: '{one_line(text):.80}' is no quantity"
    if match is None:
        raise InputError(f"{shown}; write a number and a unit, like '10 ms'")
    number, unit = float(match[1]), (match[2] or "").strip()
    if not unit:
        return number
    # "5/ms" leaves "/ms" behind the number.
    unit = f"1{unit}" if unit.startswith("/") else unit
    try:
        return number * _unit(parse_expression(unit, what), text, what)
    except (DimensionMismatchError, ArithmeticError) as error:
        raise InputError(f"{shown} ({error})") from None


def _from_list(values: Sequence[Any], what: str) -> Any:
    """Return one array of quantities of one unit."""
    from brian2.units.fundamentalunits import Quantity, get_dimensions

    for value in values:
        if np.ndim(value) or isinstance(value, dict):
            raise InputError(f"{what}: {value!r:.80} in a list is no single value; give numbers")
    items = [parse_quantity(value, what) for value in values]
    units = {get_dimensions(item) for item in items}
    if len(units) > 1:
        raise InputError(
            f"{what}: the values have different units "
            f"({', '.join(sorted(map(unit_name, units)))}); give all the same"
        )
    numbers = np.array(items, dtype=float)
    return (
        numbers if not units or units == {get_dimensions(1)} else Quantity(numbers, dim=units.pop())
    )


def seconds(value: Any, what: str, *, zero: bool = False) -> float:
    """Return a length of time, as text, `Quantity` or a plain number of seconds, in seconds.

    Raises
    ------
    InputError
        If it is no time, or not above 0; with `zero`, if it is below 0.

    Examples
    --------
    >>> seconds("2 ms", "dt"), seconds(1e-4, "dt")
    (0.002, 0.0001)
    """
    plain = isinstance(value, int | float)  # to be had without Brian2
    quantity = value if plain else parse_quantity(value, what)
    if np.ndim(quantity) or (hasattr(quantity, "dim") and unit_name(quantity.dim) != "second"):
        raise InputError(f"{what} = {one_line(str(value)):.80} is no time; write '1 ms'")
    try:
        length = float(quantity)
    except OverflowError:
        length = float("inf")
    if zero and length == 0:
        return 0.0
    if not 0 < length < float("inf"):
        problem = "not finite" if length == float("inf") else "below 0" if zero else "not above 0"
        raise InputError(f"{what} = {length} s is {problem}; give a time such as '1 ms'")
    return length


def as_time(value: Any) -> Any:
    """Return a time as a `Quantity`; a plain number is one of seconds.

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
    """Return options as JSON has them: `to_json` of quantities and arrays, wherever they are.

    Parameters
    ----------
    value : object
        An option, or options in mappings and sequences.
    as_text : bool
        Whether a quantity becomes what a user would write, rounded to what is printed.

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
    """Rebuild what `to_json` described, bit for bit."""
    from brian2.units.fundamentalunits import Quantity, get_or_create_dimension

    value = entry["value"]
    if isinstance(value, list):
        flags = all(isinstance(item, bool) for item in value)
        value = np.array(value, dtype=bool if flags else np.float64)
    if "dimensions" not in entry:
        return value
    return Quantity(value, dim=get_or_create_dimension(entry["dimensions"]))


def unit_name(dimension: Any) -> str:
    """Return the unit of a dimension as equations spell it; ``"1"`` for none.

    Equations take no prefixes, and neither ``volt2`` nor ``mvolt / msecond``.

    Examples
    --------
    >>> from brian2 import mV, ms
    >>> unit_name(ms.dim), unit_name((mV / ms).dim), unit_name(None)
    ('second', 'volt/second', '1')
    >>> unit_name((1 / mV**2).dim)
    'metre**-4*kilogram**-2*second**6*amp**2'
    """
    from brian2.core.namespace import DEFAULT_UNITS
    from brian2.units.fundamentalunits import DIMENSIONLESS, get_unit
    from brian2.units.stdunits import Hz

    if dimension is None or dimension is DIMENSIONLESS:
        return "1"
    for wanted, suffix in ((dimension, ""), (dimension / Hz.dim, "/second")):
        name = repr(get_unit(wanted))
        if name.isalpha() and float(DEFAULT_UNITS.get(name, 0)) == 1.0:
            return name + suffix
    powers = zip(_SI_BASE_UNITS, dimension._dims, strict=True)
    return "*".join(f"{unit}**{power:g}" for unit, power in powers if power)
