"""Give a name to each random number in the statements of a neuron's step."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from brian2.parsing.bast import brian_dtype_from_dtype

from brianbridge.errors import InputError
from brianbridge.neurons.shared import RANDOM

__all__ = ["Draw", "named_draws", "random_calls"]


@dataclass(frozen=True)
class Draw:
    """Hold one call of a random function, which draws a number for each neuron in each step.

    Parameters
    ----------
    name : str
        Name of the numbers in the step.
    part : str
        The part of Brian2's step that draws them: "state update", "threshold", "reset", ...
    call : int
        How many random numbers this part draws before.
    function : {"rand", "randn", "poisson"}
        The function.
    """

    name: str
    part: str
    call: int
    function: str


def random_calls(code: str) -> int:
    """Return how many random numbers a piece of code draws.

    Examples
    --------
    >>> random_calls("v = rand() + randn()*exp(v)")
    2
    """
    return sum(_is_random(node) for node in ast.walk(ast.parse(code)))


def named_draws(
    statements: Sequence[Any], calls: Iterator[tuple[str, int]], label: str
) -> tuple[list[Any], list[Draw]]:
    """Replace random calls by names, in the order in which Brian2 runs them.

    Parameters
    ----------
    statements : sequence of brian2 Statement
        Statements of one block.
    calls : iterator of (str, int)
        The part of the step, and the number of the call in it, for each call in turn.
    label : str
        The name of the block.

    Raises
    ------
    InputError
        If Brian2 draws the numbers of a statement in an order that depends on a condition.
    """
    draws: list[Draw] = []
    named = []
    for statement in statements:
        namer = _Namer(calls, f"_draw_{label}_{len(draws)}_", draws)
        before = len(draws)
        tree = namer.visit(ast.parse(statement.expr, mode="eval"))
        if len(draws) > before:
            if len(draws) > before + 1 and _has_two_cases(statement):
                raise InputError(
                    f"'{statement.var} = {statement.expr}' draws several random numbers and "
                    "depends on a condition; draw each in a statement of its own"
                )
            statement = copy(statement)
            statement.expr = ast.unparse(tree)
        named.append(statement)
    return named, draws


class _Namer(ast.NodeTransformer):
    """Replace random calls by names, from left to right."""

    def __init__(self, calls: Iterator[tuple[str, int]], prefix: str, draws: list[Draw]) -> None:
        self._calls, self._prefix, self._draws = calls, prefix, draws

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace ``rand()`` by a name, and ``poisson(x)`` by a function of a uniform number."""
        self.generic_visit(node)
        if not _is_random(node):
            return node
        function = node.func.id  # type: ignore[attr-defined]
        part, call = next(self._calls)
        name = f"{self._prefix}{len(self._draws)}"
        self._draws.append(Draw(name, part, call, function))
        if function == "poisson":
            drawn = ast.Name("poisson_number", ast.Load())
            return ast.Call(drawn, [*node.args, ast.Name(name, ast.Load())], [])
        return ast.Name(name, ast.Load())


def _is_random(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in RANDOM


def _has_two_cases(statement: Any) -> bool:
    """Return whether Brian2's NumPy target writes a statement as two cases of a condition."""
    return (
        len(statement.used_boolean_variables or ()) == 1
        and brian_dtype_from_dtype(statement.dtype) == "float"
        and statement.complexity_std > sum(statement.complexities.values())
    )
