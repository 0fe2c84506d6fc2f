"""Check the expressions of a neuron model before any code is made from them.

Brian2 turns equation strings into C and Python source. A model may come from a file that
somebody else wrote, so every string is checked here first. Only names, numbers, operators and
function calls are allowed, and only within a budget (`brianbridge.neurons.budget`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.budget import check_text, cost_of

__all__ = [
    "called_functions",
    "check_names",
    "is_condition",
    "names_in",
    "one_line",
    "parse_expression",
    "substitute_name",
]

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip


def parse_expression(text: str, what: str) -> ast.expr:
    """Parse `text`, and refuse syntax that Brian2's equations do not have.

    Parameters
    ----------
    text : str
        The expression, in Brian2's syntax.
    what : str
        What the expression is, for the error message: ``"emit of neuron model 'lif'"``.

    Raises
    ------
    InputError
        If `text` is not an expression, has subscripts, attributes, strings or lambdas, or costs
        too much.

    Examples
    --------
    >>> ast.unparse(parse_expression("int(v >= theta)", "emit"))
    'int(v >= theta)'
    """
    text = one_line(text)
    check_text(text, what)
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{what}: '{text:.80}' is not an expression ({error})") from None
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            plain = isinstance(child.func, ast.Name) and not child.keywords
        elif isinstance(child, ast.Compare):
            plain = len(child.ops) == 1
        elif isinstance(child, ast.Constant):
            plain = isinstance(child.value, bool | int | float)
        else:
            plain = isinstance(
                child, (ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.BoolOp, *_OPERATORS)
            )
        if not plain:
            raise InputError(
                f"{what}: '{text:.80}' uses {type(child).__name__}, which equations do not "
                "have; use names, numbers, + - * / // % **, comparisons, and/or/not and functions"
            )
    cost_of(node, text, what)
    return node


def one_line(text: str) -> str:
    r"""Join the lines of an expression, without their comments.

    Examples
    --------
    >>> one_line("int(v >= theta)  # up\n  - int(v <= -theta)")
    'int(v >= theta) - int(v <= -theta)'
    """
    return " ".join(" ".join(line.split("#")[0] for line in text.splitlines()).split())


@lru_cache(maxsize=4096)
def _identifiers(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of variables and of functions in an expression."""
    nodes = list(ast.walk(ast.parse(one_line(text), mode="eval")))
    calls = [n.func for n in nodes if isinstance(n, ast.Call)]
    functions = frozenset(f.id for f in calls if isinstance(f, ast.Name))
    called = {id(f) for f in calls}
    names = (n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in called)
    return frozenset(names), functions


def names_in(text: str) -> set[str]:
    """Return the names of variables and constants in an expression, functions left out."""
    return set(_identifiers(text)[0])


def called_functions(text: str) -> set[str]:
    """Return the names of the functions that an expression calls."""
    return set(_identifiers(text)[1])


def check_names(text: str, known: Iterable[str], functions: Iterable[str], what: str) -> None:
    """Refuse an expression with unknown variables or functions. Units are always known."""
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS

    variables = names_in(text) - set(DEFAULT_UNITS) - set(DEFAULT_CONSTANTS)
    for kind, used, allowed in (
        ("variable", variables, set(known)),
        ("function", called_functions(text), set(functions)),
    ):
        for name in sorted(used - allowed):
            yours = f" If it is yours: bb.register_function({name}, torch=...)."
            raise InputError(
                f"{what}: unknown {kind} '{name}' in '{one_line(text)}'. "
                + did_you_mean(name, allowed)
                + (yours if kind == "function" else "")
            )


def is_condition(node: ast.expr) -> bool:
    """Return whether an expression is a comparison or a logical combination."""
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def substitute_name(text: str, name: str, replacement: str) -> str:
    """Replace every occurrence of the identifier `name` by `replacement`."""
    return re.sub(rf"\b{re.escape(name)}\b", replacement, text)
