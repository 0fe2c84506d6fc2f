"""Bound what an expression may cost, before Brian2 and its computer algebra see it.

Text of a few lines can ask for hours of work: powers of powers, subexpressions that double,
products of sums. All of it is *counted* on the parsed tree, in floats; nothing is substituted,
expanded or evaluated in whole numbers. A subexpression costs what it stands for, wherever it is
named.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from brianbridge.errors import InputError

__all__ = ["Cost", "check_text", "cost_of"]

#: Characters of one expression or equation.
LONGEST_LINE = 4_000
#: Nodes of a tree, once subexpressions are substituted.
LARGEST_SIZE = 5_000
#: Levels of a tree. Brian2 and sympy walk it by recursion, several calls a level.
DEEPEST = 100
#: Terms of a sum, once products and powers are expanded.
MOST_TERMS = 300
#: Largest power of a name; more keeps the computer algebra busy.
LARGEST_POWER = 64
#: log10 of what a coefficient may be: that of the largest float.
MOST_DIGITS = 308.0
#: log10 of a number in the exponent of an exponent.
LARGEST_GROWTH = 5.0

#: Functions whose value has as many digits as their argument is large.
_GROWING = frozenset({"exp", "expm1", "exprel", "sinh", "cosh"})
#: Functions that need all digits of a large argument.
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
    """Hold what one expression costs.

    Parameters
    ----------
    size : float
        Nodes of its tree.
    depth : int
        Levels of its tree.
    terms : float
        Terms of the sum that it becomes when it is expanded.
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


class _OverBudgetError(Exception):
    """Say what is too much, and what to do about it."""


def check_text(text: str, what: str) -> None:
    """Refuse code that is too long to parse, or not plain ASCII.

    Python takes letters for the same that look alike (``ｖ`` is ``v``); generated C does not.

    Raises
    ------
    InputError
        If so.
    """
    if len(text) > LONGEST_LINE:
        raise InputError(
            f"{what}: '{text:.40}...' has {len(text)} characters; write at most {LONGEST_LINE}, "
            "and name parts of it as subexpressions"
        )
    for character in text:
        if not (character.isascii() and (character.isprintable() or character in "\n\t")):
            raise InputError(
                f"{what}: {text[:80]!r} contains {character!a}; write code in ASCII letters, "
                "digits and operators"
            )


def cost_of(node: ast.expr, text: str, what: str, known: Mapping[str, Cost] | None = None) -> Cost:
    """Count what an expression costs.

    Parameters
    ----------
    node : ast.expr
        Its tree, of nodes that `brianbridge.neurons.expressions.parse_expression` lets through.
    text : str
        Its text, for the error message.
    what : str
        What it is, for the error message.
    known : mapping of str to Cost, optional
        What the subexpressions cost that it may name.

    Raises
    ------
    InputError
        If it is over a limit, or a constant part of it is no finite number.

    Examples
    --------
    >>> def cost(text, **known):
    ...     return cost_of(ast.parse(text, mode="eval").body, text, "emit", known)
    >>> s = cost("(v + a)**3")
    >>> s.size, s.terms, s.power
    (5.0, 4.0, 3.0)
    >>> cost("s*s", s=s).terms
    16.0
    >>> cost("v/0")
    Traceback (most recent call last):
    brianbridge.errors.InputError: emit: 'v/0' divides by 0; write another number
    """
    try:
        _check_depth(node)
        with np.errstate(all="ignore"):
            return _cost(node, known or {})
    except _OverBudgetError as error:
        raise InputError(f"{what}: '{text:.80}' {error}") from None


def _check_depth(node: ast.expr) -> None:
    """Refuse a deep tree without recursion, so that what follows may recurse."""
    level: list[ast.AST] = [node]
    for _ in range(DEEPEST):
        level = [c for n in level for c in ast.iter_child_nodes(n) if isinstance(c, ast.expr)]
        if not level:
            return
    raise _OverBudgetError(
        f"is nested, or a sum, of more than {DEEPEST} levels; name parts of it as parameters"
    )


def _cost(node: ast.expr, known: Mapping[str, Cost]) -> Cost:
    match node:
        case ast.Name(id=name):
            return _constant(math.inf) if name == "inf" else known.get(name, Cost())
        case ast.Constant(value=bool() | int() | float() as number):
            return _constant(number)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _checked(_call(name, [_cost(a, known) for a in arguments]))
        case ast.BinOp(left=left, op=operator, right=right):
            return _checked(_binary(operator, _cost(left, known), _cost(right, known)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            cost = _cost(operand, known)
            value = None if cost.value is None else -cost.value
            return _checked(_joined([cost], cost.terms, cost.digits, value))
    children = [_cost(c, known) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
    return _checked(_joined(children, 1.0, max((c.digits for c in children), default=0.0)))


def _constant(value: float) -> Cost:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return _checked(Cost(digits=_digits(number), value=number))


def _digits(value: float) -> float:
    return abs(math.log10(abs(value))) if value and math.isfinite(value) else 0.0


def _joined(parts: Sequence[Cost], terms: float, digits: float, value: float | None = None) -> Cost:
    """Return the cost of a node with children; as a constant it has no more digits than one."""
    return Cost(
        size=1 + sum(p.size for p in parts),
        depth=1 + max((p.depth for p in parts), default=0),
        terms=terms,
        power=max((p.power for p in parts), default=1.0),
        digits=digits if value is None else _digits(value),
        growth=max((p.growth for p in parts), default=0.0),
        value=value,
    )


def _binary(operator: ast.operator, left: Cost, right: Cost) -> Cost:
    if isinstance(operator, ast.Div | ast.Mod | ast.FloorDiv) and right.value == 0:
        raise _OverBudgetError("divides by 0; write another number")
    if isinstance(operator, ast.Pow):
        return _raised(left, right)
    value = _evaluated(operator, left.value, right.value)
    if isinstance(operator, ast.Add | ast.Sub):
        digits = max(left.digits, right.digits) + math.log10(2)
        return _joined([left, right], left.terms + right.terms, digits, value)
    # A sum below a fraction is not expanded.
    terms = left.terms * (right.terms if isinstance(operator, ast.Mult) else 1.0)
    return _joined([left, right], terms, left.digits + right.digits, value)


def _raised(base: Cost, exponent: Cost) -> Cost:
    constant = exponent.value is not None
    power = abs(exponent.value) if exponent.value is not None else 10**exponent.digits
    if base.value is None and power * base.power > LARGEST_POWER:
        raise _OverBudgetError(
            f"has a power of a power, or one above {LARGEST_POWER}; write exp(...) or a parameter"
        )
    value = _evaluated(ast.Pow(), base.value, exponent.value)
    terms = 1.0
    if constant and value is None and power.is_integer() and base.terms > 1:
        ways = base.terms + power - 1
        terms = math.exp(math.lgamma(ways + 1) - math.lgamma(power + 1) - math.lgamma(base.terms))
    joined = _joined([base, exponent], round(terms), power * base.digits, value)
    growth = joined.growth if constant else _grown(joined.growth, exponent)
    if value is None:
        joined = replace(joined, power=power * base.power)
    return replace(joined, growth=growth)


def _call(name: str, arguments: list[Cost]) -> Cost:
    values = [a.value for a in arguments]
    value = None
    if name in _FUNCTIONS and values and None not in values:
        try:
            value = float(_FUNCTIONS[name](*values))
        except TypeError:  # a wrong number of arguments, which Brian2 will tell
            value = None
    joined = _joined(arguments, 1.0, max((a.digits for a in arguments), default=0.0), value)
    growth = joined.growth
    if arguments and name in _GROWING | _REDUCING:
        grown = _grown(growth, arguments[0])
        growth = grown if name in _GROWING else growth
    return replace(joined, growth=growth)


def _grown(growth: float, exponent: Cost) -> float:
    """Return the growth of an exponential; refuse what has more digits than memory."""
    if growth > 1 + LARGEST_GROWTH:
        raise _OverBudgetError("has exponentials in exponentials; name the inner as a parameter")
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


def _checked(cost: Cost) -> Cost:
    """Refuse what is over a limit."""
    if cost.value is not None and not math.isfinite(cost.value):
        raise _OverBudgetError("has a constant that is no finite number; write one below 1e308")
    for number, limit, problem in (
        (cost.size, LARGEST_SIZE, "parts once its subexpressions are written out"),
        (cost.depth, DEEPEST, "levels once its subexpressions are written out"),
        (cost.terms, MOST_TERMS, "terms once its products are expanded"),
        (cost.digits, MOST_DIGITS, "digits in a coefficient"),
    ):
        if number > limit:
            raise _OverBudgetError(f"has more than {limit:.0f} {problem}; write a simpler one")
    return cost
