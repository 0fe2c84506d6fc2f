"""Count the cost of an expression node by node, without expanding or evaluating it.

`brianbridge.neurons.budget` walks the tree of an expression and bounds the counts. All counts are
floats: whole numbers could themselves grow without limit.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

__all__ = [
    "Cost",
    "OverBudgetError",
    "constant_cost",
    "function_cost",
    "node_cost",
    "operator_cost",
]

#: Largest power of a name; a larger one would keep the computer algebra busy.
LARGEST_POWER = 64
#: Largest log10 of a number in the exponent of an exponent.
LARGEST_GROWTH = 5.0

#: Functions whose number of digits grows with their argument.
_GROWING = frozenset({"exp", "expm1", "exprel", "sinh", "cosh"})
#: Periodic or bounded functions, which need all digits of a large argument.
_REDUCING = frozenset({"sin", "cos", "tan", "tanh"})
#: Functions of constants, evaluated here.
_FUNCTIONS = {
    **{name: getattr(np, name) for name in (
        "exp", "expm1", "log", "log10", "log1p", "sqrt", "sin", "cos", "tan", "arcsin", "arccos",
        "arctan", "sinh", "cosh", "tanh", "floor", "ceil", "abs", "sign", "clip",
    )},
    "int": np.trunc,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Hold the cost of one expression.

    Parameters
    ----------
    size : float
        Nodes of its tree.
    depth : int
        Levels of its tree.
    terms : float
        Terms of the sum that results when it is expanded.
    power : float
        Largest power of a name in it.
    digits : float
        log10 of the largest coefficient in it, or of its inverse.
    growth : float
        0 without an exponential; 1 + log10 of the largest number in an exponent; infinite for an
        exponential of an exponential.
    value : float, optional
        Its value, if it is a constant.
    """

    size: float = 1.0
    depth: int = 1
    terms: float = 1.0
    power: float = 1.0
    digits: float = 0.0
    growth: float = 0.0
    value: float | None = None


class OverBudgetError(Exception):
    """Report an expression that costs too much; the message says what to write instead."""


def constant_cost(value: float) -> Cost:
    """Return the cost of a number."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return Cost(digits=_digits(number), value=number)


def _digits(value: float) -> float:
    return abs(math.log10(abs(value))) if value and math.isfinite(value) else 0.0


def node_cost(
    parts: Sequence[Cost], terms: float, digits: float, value: float | None = None
) -> Cost:
    """Return the cost of a node with children; a constant has the digits of its value."""
    return Cost(
        size=1 + sum(p.size for p in parts),
        depth=1 + max((p.depth for p in parts), default=0),
        terms=terms,
        power=max((p.power for p in parts), default=1.0),
        digits=digits if value is None else _digits(value),
        growth=max((p.growth for p in parts), default=0.0),
        value=value,
    )


def operator_cost(operator: ast.operator, left: Cost, right: Cost) -> Cost:
    """Return the cost of ``left operator right``.

    Raises
    ------
    OverBudgetError
        If it divides by 0, or raises a name to too large a power.
    """
    if isinstance(operator, ast.Div | ast.Mod | ast.FloorDiv) and right.value == 0:
        raise OverBudgetError("divides by 0; write another number")
    if isinstance(operator, ast.Pow):
        return _raised(left, right)
    value = _evaluated(operator, left.value, right.value)
    if isinstance(operator, ast.Add | ast.Sub):
        digits = max(left.digits, right.digits) + math.log10(2)
        return node_cost([left, right], left.terms + right.terms, digits, value)
    # A sum in a denominator is not expanded.
    terms = left.terms * (right.terms if isinstance(operator, ast.Mult) else 1.0)
    return node_cost([left, right], terms, left.digits + right.digits, value)


def _raised(base: Cost, exponent: Cost) -> Cost:
    constant = exponent.value is not None
    power = abs(exponent.value) if exponent.value is not None else 10**exponent.digits
    if base.value is None and power * base.power > LARGEST_POWER:
        raise OverBudgetError(
            f"has a power of a power, or one above {LARGEST_POWER}; write exp(...) or a parameter"
        )
    value = _evaluated(ast.Pow(), base.value, exponent.value)
    terms = 1.0
    if constant and value is None and power.is_integer() and base.terms > 1:
        ways = base.terms + power - 1
        terms = math.exp(math.lgamma(ways + 1) - math.lgamma(power + 1) - math.lgamma(base.terms))
    joined = node_cost([base, exponent], float(round(terms)), power * base.digits, value)
    growth = joined.growth if constant else _grown(joined.growth, exponent)
    if value is None:
        joined = replace(joined, power=power * base.power)
    return replace(joined, growth=growth)


def function_cost(name: str, arguments: list[Cost]) -> Cost:
    """Return the cost of a function call.

    Raises
    ------
    OverBudgetError
        If exponentials are nested and their argument is large.
    """
    values = [a.value for a in arguments]
    value = None
    if name in _FUNCTIONS and values and None not in values:
        try:
            value = float(_FUNCTIONS[name](*values))
        except TypeError:  # a wrong number of arguments, which Brian2 reports
            value = None
    joined = node_cost(arguments, 1.0, max((a.digits for a in arguments), default=0.0), value)
    growth = joined.growth
    if arguments and name in _GROWING | _REDUCING:
        grown = _grown(growth, arguments[0])
        growth = grown if name in _GROWING else growth
    return replace(joined, growth=growth)


def _grown(growth: float, exponent: Cost) -> float:
    """Return the growth of an exponential; refuse one whose digits would fill the memory."""
    if growth > 1 + LARGEST_GROWTH:
        raise OverBudgetError("has exponentials in exponentials; name the inner as a parameter")
    return math.inf if growth else 1 + exponent.digits


def _evaluated(operator: ast.operator, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    a, b = np.float64(left), np.float64(right)
    found = {
        ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
        ast.FloorDiv: np.floor_divide, ast.Mod: np.mod, ast.Pow: np.power,
    }[type(operator)](a, b)  # fmt: skip
    return float(found)
