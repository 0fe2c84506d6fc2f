"""Read physical quantities from text: ``"10 ms"``, ``"-70 mV"``, ``"1.0"``.

This is the one place where a string of a TOML file becomes a Brian2 `Quantity`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.expressions import one_line, parse_expression

__all__ = ["parse_quantity", "quantity_text", "unit_name", "unit_of", "with_named_units"]

_NUMBER = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*?\s*([^\d\s].*)?$")
#: Characters of a quantity.
_LONGEST = 200
#: Symbols that Brian2 spells out.
_SYMBOLS = {"s": "second", "V": "volt", "A": "amp", "S": "siemens", "F": "farad", "Ohm": "ohm"}
#: In the order of Brian2's exponents.
_SI_BASE_UNITS = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candela")


def _unit(node: ast.expr, text: str, what: str) -> Any:
    from brian2.core.namespace import DEFAULT_UNITS

    text = one_line(text)
    match node:
        case ast.Name(id=name):
            if name not in DEFAULT_UNITS:
                known = ("ms", "second", "mV", "volt", "Hz", "pA", "nS", "pF")
                meant = f"Did you mean '{_SYMBOLS[name]}'?" if name in _SYMBOLS else ""
                raise InputError(
                    f"{what}: unknown unit '{name}' in '{text}'. "
                    + (meant or did_you_mean(name, known))
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
    raise InputError(f"{what}: '{text}' is not a quantity; write a number and a unit, like '10 ms'")


def parse_quantity(value: Any, what: str) -> Any:
    """Return text, a number, a list of these or a `Quantity` as a `Quantity` or number.

    Parameters
    ----------
    value : str, float, list or Quantity
        ``"10 ms"``, ``"10*ms"``, ``"5/ms"``, ``1.0`` or ``["10 ms", "20 ms"]``.
    what : str
        What the value is, for the error message.

    Returns
    -------
    Quantity, float or numpy.ndarray
        With a unit if the text has one.

    Raises
    ------
    InputError
        If the text is not a quantity, a unit is unknown, or a value is not finite.

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
        # Brian2 accepts Python's True and False, but not NumPy's.
        flag = np.ndim(value) == 0 and np.asarray(value).dtype == bool
        result = bool(value) if flag else value
    else:
        raise InputError(f"{what}: {value!r:.80} is not a quantity; write a number and a unit")
    if np.size(result) == 0:
        raise InputError(f"{what} has no values; give at least one")
    if np.asarray(result).dtype.kind not in "biufO":
        raise InputError(f"{what}: {value!r:.80} is not a real number; give one")
    try:
        numbers = np.ravel(np.asarray(result, dtype=float))
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{what}: {value!r:.80} is not a quantity ({error})") from None
    if not np.all(np.isfinite(numbers)):
        bad = numbers[~np.isfinite(numbers)][0]
        raise InputError(f"{what}: {bad} is not finite; give finite numbers")
    return float(result) if isinstance(result, int) and abs(result) >= 2**63 else result


def _from_text(text: str, what: str) -> Any:
    """Return a number, or a `Quantity` if the text has a unit."""
    from brian2.units.fundamentalunits import DimensionMismatchError

    match = _NUMBER.match(text) if len(text) <= _LONGEST else None
    shown = f"{what}: '{one_line(text):.80}' is not a quantity"
    if match is None:
        raise InputError(f"{shown}; write a number and a unit, like '10 ms'")
    number, unit = float(match[1]), (match[2] or "").strip()
    if not unit:
        return number
    # In "5/ms", the text after the number is "/ms".
    unit = f"1{unit}" if unit.startswith("/") else unit
    try:
        return number * _unit(parse_expression(unit, what), text, what)
    except (DimensionMismatchError, ArithmeticError) as error:
        raise InputError(f"{shown} ({error})") from None


def _from_list(values: Sequence[Any], what: str) -> Any:
    """Return a list of values as one array, with the unit that they share."""
    from brian2.units.fundamentalunits import Quantity, get_dimensions

    for value in values:
        if np.ndim(value) or isinstance(value, dict):
            raise InputError(f"{what}: {value!r:.80} in a list is not a single value; give numbers")
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


def quantity_text(value: Any) -> str:
    """Return a quantity as a user would write it, rounded to six digits.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> quantity_text(10*ms), quantity_text(0.5), quantity_text([-70, -65]*mV)
    ('10 ms', '0.5', '-70 ... -65 mV (2 values)')
    """
    from brian2.units.fundamentalunits import Quantity

    if isinstance(value, str | bool):
        return str(value)
    unit, suffix = 1.0, ""
    if isinstance(value, Quantity) and not value.is_dimensionless:
        unit = value.get_best_unit()
        suffix = f" {unit}"
    numbers = np.asarray(value / unit)
    if not numbers.ndim:
        return f"{float(numbers):g}{suffix}"
    return f"{numbers.min():g} ... {numbers.max():g}{suffix} ({numbers.size} values)"


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


def unit_of(value: Any) -> str:
    """Return the unit of a quantity as equations spell it; ``"1"`` for anything else.

    A tensor of torch has a method ``dim``, which is no dimension.

    Examples
    --------
    >>> from brian2 import ms
    >>> unit_of(3 * ms), unit_of(3.0), unit_of(np.ones(2))
    ('second', '1', '1')
    """
    from brian2 import Quantity

    return unit_name(value.dim) if isinstance(value, Quantity) else "1"


def with_named_units(text: str) -> str:
    """Return a message of Brian2 with a name for each unit in parentheses that has one.

    Examples
    --------
    >>> with_named_units("Expression 'v' has unit (m^2 kg s^-3 A^-1), and '1' has units (1)")
    "Expression 'v' has unit (volt), and '1' has units (1)"
    """
    from brian2.core.namespace import DEFAULT_UNITS

    units = (unit for unit in DEFAULT_UNITS.values() if float(unit) == 1.0)
    dimensions = {str(unit.dim): unit.dim for unit in units}
    names = {one: unit_name(dim) for one, dim in dimensions.items() if f"({one})" in text}
    return re.sub(r"\(([^()]+)\)", lambda match: f"({names.get(match[1], match[1])})", text)
