"""Parse the statements of a reset, such as ``v -= theta*emit``."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from brianbridge.errors import InputError
from brianbridge.neurons.budget import check_text
from brianbridge.neurons.expressions import called_functions, names_in, parse_expression

__all__ = ["Statement", "local_names", "parse_statements", "without_aliases"]

_STATEMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(=|\+=|-=|\*=|/=)\s*([^=].*)$", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Statement:
    """Hold one assignment ``target operation expression`` of a reset."""

    target: str
    operation: str
    expression: str


def parse_statements(text: str, what: str) -> tuple[Statement, ...]:
    """Split a reset into its assignments, each with a checked right-hand side.

    Examples
    --------
    >>> parse_statements("v -= theta*emit; w += b", "reset")[1]
    Statement(target='w', operation='+=', expression='b')
    """
    statements = []
    for line in re.split(r"[;\n]", text):
        code = line.split("#")[0].strip()
        if not code:
            continue
        check_text(code, what)
        match = _STATEMENT.match(code)
        if match is None:
            raise InputError(f"{what}: '{code}' is not a statement; write 'variable = expression'")
        parse_expression(match[3], what)
        statements.append(Statement(match[1], match[2], match[3].strip()))
    return tuple(statements)


def local_names(text: str, variables: Container[str], what: str) -> set[str]:
    """Return the names that statements set and that are no variables: they are local.

    Parameters
    ----------
    text : str
        The statements.
    variables : container of str
        The variables of the group that runs them.
    what : str
        The name of the statements in error messages.

    Examples
    --------
    >>> local_names("w = 2*b; v -= w", {"v"}, "reset")
    {'w'}
    """
    statements = parse_statements(text, what)
    return {s.target for s in statements if s.operation == "=" and s.target not in variables}


def without_aliases(text: str, subexpressions: Mapping[str, str] = {}) -> str:
    r"""Return a reset with the same meaning for all of Brian2's code generation targets.

    In the NumPy target ``w = v`` gives one array two names, so that ``v -= 1`` then changes both.
    ``w = -(-(v))`` makes a new array. Other resets are returned unchanged.

    Parameters
    ----------
    text : str
        The statements.
    subexpressions : mapping of str to str
        The expression of each subexpression, by its name.

    Examples
    --------
    >>> without_aliases("w = v\nv -= 1")
    'w = -(-(v))\nv -= 1'
    >>> without_aliases("w = v + b\nv -= 1")
    'w = v + b\nv -= 1'
    """
    statements = parse_statements(text, "reset")
    changed = {s.target for s in statements if s.operation != "="}
    copied = [
        replace(s, expression=f"-(-({s.expression}))")
        if s.operation == "=" and _named(s.expression, subexpressions) in changed
        else s
        for s in statements
    ]
    if copied == list(statements):
        return text
    return "\n".join(f"{s.target} {s.operation} {s.expression}" for s in copied)


def _named(expression: str, subexpressions: Mapping[str, str]) -> str:
    """Return the only variable in an expression, as in ``1*v``; else an empty string."""
    names = names_in(expression)
    if len(names) != 1 or called_functions(expression):
        return ""
    (name,) = names
    return _named(subexpressions[name], subexpressions) if subexpressions.get(name) else name
