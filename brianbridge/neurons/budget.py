"""Limit the cost of an expression before Brian2 and its computer algebra see it.

A few lines of text can ask for hours of work: powers of powers, subexpressions that double,
products of sums. The cost is counted on the parsed tree (`brianbridge.neurons.cost`); nothing is
substituted, expanded or evaluated in whole numbers. The name of a subexpression costs as much as
the subexpression.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.cost import (
    Cost,
    OverBudgetError,
    constant_cost,
    function_cost,
    node_cost,
    operator_cost,
)

__all__ = ["Cost", "check_text", "cost_of"]

#: Limit of the characters of one expression or equation.
LONGEST_LINE = 4_000
#: Limit of the nodes of a tree, once subexpressions are substituted.
LARGEST_SIZE = 5_000
#: Limit of the levels of a tree, which Brian2 and sympy walk by several recursive calls per level.
DEEPEST = 100
#: Limit of the terms of a sum, once products and powers are expanded.
MOST_TERMS = 300
#: Limit of the log10 of a coefficient: that of the largest float.
MOST_DIGITS = 308.0


def check_text(text: str, what: str) -> None:
    """Refuse code that is too long to parse, or not plain ASCII.

    Python treats some letters that look alike as the same (``ｖ`` is ``v``); generated C does not.

    Raises
    ------
    InputError
        If the text is too long, or has other characters.
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
    """Return the cost of an expression.

    Parameters
    ----------
    node : ast.expr
        Its syntax tree, checked by `brianbridge.neurons.expressions.parse_expression`.
    text : str
        Its text, for the error message.
    what : str
        What it is, for the error message.
    known : mapping of str to Cost, optional
        The cost of each subexpression that it may use.

    Raises
    ------
    InputError
        If it costs too much, or a constant in it is not a finite number.

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
    except OverBudgetError as error:
        raise InputError(f"{what}: '{text:.80}' {error}") from None


def _check_depth(node: ast.expr) -> None:
    """Refuse a deep tree. This walks it without recursion, so that later steps can recurse."""
    level: list[ast.AST] = [node]
    for _ in range(DEEPEST):
        level = [c for n in level for c in ast.iter_child_nodes(n) if isinstance(c, ast.expr)]
        if not level:
            return
    raise OverBudgetError(
        f"has more than {DEEPEST} nested levels or terms; name parts of it as parameters"
    )


def _cost(node: ast.expr, known: Mapping[str, Cost]) -> Cost:
    match node:
        case ast.Name(id=name):
            return _checked(constant_cost(math.inf)) if name == "inf" else known.get(name, Cost())
        case ast.Constant(value=bool() | int() | float() as number):
            return _checked(constant_cost(number))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _checked(function_cost(name, [_cost(a, known) for a in arguments]))
        case ast.BinOp(left=left, op=operator, right=right):
            return _checked(operator_cost(operator, _cost(left, known), _cost(right, known)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            cost = _cost(operand, known)
            value = None if cost.value is None else -cost.value
            return _checked(node_cost([cost], cost.terms, cost.digits, value))
    children = [_cost(c, known) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
    return _checked(node_cost(children, 1.0, max((c.digits for c in children), default=0.0)))


def _checked(cost: Cost) -> Cost:
    """Return a cost; refuse one that is over a limit."""
    if cost.value is not None and not math.isfinite(cost.value):
        raise OverBudgetError("has a constant that is not a finite number; write one below 1e308")
    for number, limit, problem in (
        (cost.size, LARGEST_SIZE, "parts once its subexpressions are written out"),
        (cost.depth, DEEPEST, "levels once its subexpressions are written out"),
        (cost.terms, MOST_TERMS, "terms once its products are expanded"),
        (cost.digits, MOST_DIGITS, "digits in a coefficient"),
    ):
        if number > limit:
            raise OverBudgetError(f"has more than {limit:.0f} {problem}; write a simpler one")
    return cost
