"""Check the expressions and statements of a neuron model before any code is made from them.

Brian2 turns equation strings into C and Python source. A model may come from a file that
somebody else wrote, so every string passes through here first: only names, numbers, operators
and calls of known functions get through, each as a parsed tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InputError, did_you_mean

__all__ = [
    "Statement",
    "called_functions",
    "check_names",
    "is_condition",
    "names_in",
    "one_line",
    "parse_expression",
    "parse_statements",
    "split_equations",
    "substitute_name",
]

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip
_STATEMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(=|\+=|-=|\*=|/=)\s*([^=].*)$", re.DOTALL)
_EQUATION = re.compile(
    r"^\s*(?:d(?P<state>\w+)\s*/\s*dt\s*=(?P<rhs>[^:]+)|(?P<sub>\w+)\s*=(?P<sub_rhs>[^:]+)"
    r"|(?P<parameter>\w+))\s*:\s*(?P<unit>[^()#]+?)\s*(?:\((?P<flags>[^)]*)\))?\s*(?:#.*)?$"
)


#: Larger powers only keep the computer algebra busy.
_LARGEST_POWER = 64


@dataclass(frozen=True)
class Statement:
    """Hold one assignment ``target operation expression`` of a reset."""

    target: str
    operation: str
    expression: str


def parse_expression(text: str, what: str) -> ast.expr:
    """Parse `text` and refuse whatever Brian2's equations do not have.

    Parameters
    ----------
    text : str
        The expression, in Brian2's syntax.
    what : str
        What the expression is, for the error message: ``"emit of neuron model 'lif'"``.

    Raises
    ------
    InputError
        If `text` is not an expression, or has subscripts, attributes, strings, lambdas, ...

    Examples
    --------
    >>> ast.unparse(parse_expression("int(v >= theta)", "emit"))
    'int(v >= theta)'
    """
    text = one_line(text)
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
        if isinstance(child, ast.BinOp) and isinstance(child.op, ast.Pow):
            _check_power(child.right, text, what)
    return node


def _check_power(exponent: ast.expr, text: str, what: str) -> None:
    constants = [n.value for n in ast.walk(exponent) if isinstance(n, ast.Constant)]
    numbers = [abs(c) for c in constants if isinstance(c, int | float)]
    nested = any(isinstance(n, ast.Pow) for n in ast.walk(exponent))
    if numbers and (nested or max(numbers) > _LARGEST_POWER):
        raise InputError(
            f"{what}: '{text}' has a power of a power, or one above {_LARGEST_POWER}; "
            "write exp(...) or a parameter"
        )


def one_line(text: str) -> str:
    r"""Join the lines of an expression, and drop their comments.

    Examples
    --------
    >>> one_line("int(v >= theta)  # up\n  - int(v <= -theta)")
    'int(v >= theta) - int(v <= -theta)'
    """
    return " ".join(" ".join(line.split("#")[0] for line in text.splitlines()).split())


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
        match = _STATEMENT.match(code)
        if match is None:
            raise InputError(f"{what}: '{code}' is no statement; write 'variable = expression'")
        parse_expression(match[3], what)
        statements.append(Statement(match[1], match[2], match[3].strip()))
    return tuple(statements)


def split_equations(text: str, what: str) -> dict[str, str]:
    r"""Check that `text` is a list of equations; return the expression of each name.

    Parameters (``drive : Hz``) have an empty expression.

    Examples
    --------
    >>> split_equations("dv/dt = -v/tau + drive : 1\ndrive : Hz", "equations")
    {'v': '-v/tau + drive', 'drive': ''}
    """
    found: dict[str, str] = {}
    state = False
    for line in text.splitlines():
        if not line.split("#")[0].strip():
            continue
        match = _EQUATION.match(line)
        if match is None:
            raise InputError(
                f"{what}: '{line.strip()}' is no equation; write 'dv/dt = ... : unit', "
                "'x = ... : unit' or 'x : unit', one to a line"
            )
        state |= match["state"] is not None
        name = match["state"] or match["sub"] or match["parameter"]
        expression = (match["rhs"] or match["sub_rhs"] or "").strip()
        if expression:
            parse_expression(expression, f"{what}, '{name}'")
        _check_unit(match["unit"], f"{what}, unit of '{name}'")
        found[name] = expression
    if not state:
        raise InputError(
            f"{what}: there is no state equation; give at least one 'dv/dt = ... : unit'"
        )
    return found


def _check_unit(text: str, what: str) -> None:
    """Refuse what is no unit before Brian2 evaluates it."""
    from brian2.equations.equations import dimensions_and_type_from_string

    parse_expression(text, what)
    try:
        if called_functions(text):
            raise ValueError("a unit has no functions")
        dimensions_and_type_from_string(text)
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{what}: '{text}' is no unit ({one_line(str(error))})") from None


def names_in(text: str) -> set[str]:
    """Return the names of variables and constants in an expression, functions left out."""
    tree = ast.parse(one_line(text), mode="eval")
    functions = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions}


def called_functions(text: str) -> set[str]:
    """Return the names of the functions that an expression calls."""
    tree = ast.parse(one_line(text), mode="eval")
    return {
        n.func.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }


def check_names(text: str, known: Iterable[str], functions: Iterable[str], what: str) -> None:
    """Refuse an expression that names an unknown variable or function; units are known."""
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS

    variables = names_in(text) - set(DEFAULT_UNITS) - set(DEFAULT_CONSTANTS)
    for kind, used, allowed in (
        ("variable", variables, set(known)),
        ("function", called_functions(text), set(functions)),
    ):
        for name in sorted(used - allowed):
            raise InputError(
                f"{what}: unknown {kind} '{name}' in '{one_line(text)}'. "
                + did_you_mean(name, allowed)
            )


def is_condition(node: ast.expr) -> bool:
    """Tell whether an expression is a comparison or a logical combination."""
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def substitute_name(text: str, name: str, replacement: str) -> str:
    """Replace every occurrence of the identifier `name` by `replacement`."""
    return re.sub(rf"\b{re.escape(name)}\b", replacement, text)
