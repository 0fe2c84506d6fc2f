"""Check the expressions and statements of a neuron model before any code is made from them.

Brian2 turns equation strings into C and Python source. A model may come from a file that
somebody else wrote, so every string passes through here first. Only names, numbers, operators and
calls of functions get through, each as a parsed tree, and only within a budget
(`brianbridge.neurons.budget`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.budget import Cost, check_text, cost_of

__all__ = [
    "Statement",
    "called_functions",
    "check_costs",
    "check_names",
    "is_condition",
    "names_in",
    "one_line",
    "parse_expression",
    "parse_statements",
    "split_equations",
    "substitute_name",
    "without_aliases",
]

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip
_STATEMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(=|\+=|-=|\*=|/=)\s*([^=].*)$", re.DOTALL | re.ASCII)
_EQUATION = re.compile(
    r"^\s*(?:d(?P<state>\w+)\s*/\s*dt\s*=(?P<rhs>[^:]+)|(?P<sub>\w+)\s*=(?P<sub_rhs>[^:]+)"
    r"|(?P<parameter>\w+))\s*:\s*(?P<unit>[^()#]+?)\s*(?:\((?P<flags>[^)]*)\))?\s*$",
    re.ASCII,
)
#: Equations of a model, and of these the differential ones, which may all be coupled.
_MOST_EQUATIONS = 400
_MOST_STATES = 100
#: Nodes of all their trees together, once subexpressions are substituted.
_LARGEST_TOTAL = 20_000
#: Pairs of a differential equation and a variable that it depends on.
_MOST_COUPLINGS = 1_000


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
        If `text` is not an expression, has subscripts, attributes, strings, lambdas, ..., or is
        over the budget.

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
        check_text(code, what)
        match = _STATEMENT.match(code)
        if match is None:
            raise InputError(f"{what}: '{code}' is no statement; write 'variable = expression'")
        parse_expression(match[3], what)
        statements.append(Statement(match[1], match[2], match[3].strip()))
    return tuple(statements)


def without_aliases(text: str, subexpressions: Mapping[str, str] = {}) -> str:
    r"""Return a reset that means the same to all of Brian2's code generation targets.

    The NumPy target makes ``w = v`` two names of one array, which ``v -= 1`` then changes for both.
    It computes ``-(-v)``, and so makes an array of its own. Other resets are returned as they are.

    Parameters
    ----------
    text : str
        The statements.
    subexpressions : mapping of str to str
        What stands for another expression.

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
    """Return the variable that may be all that an expression is, as in ``1*v``; else nothing."""
    names = names_in(expression)
    if len(names) != 1 or called_functions(expression):
        return ""
    (name,) = names
    return _named(subexpressions[name], subexpressions) if subexpressions.get(name) else name


def split_equations(text: str, what: str) -> dict[str, str]:
    r"""Check that `text` is a list of equations; return the expression of each name.

    Parameters (``drive : Hz``) have an empty expression.

    Examples
    --------
    >>> split_equations("dv/dt = -v/tau + drive : 1\ndrive : Hz", "equations")
    {'v': '-v/tau + drive', 'drive': ''}
    """
    found: dict[str, str] = {}
    states = 0
    for line in text.splitlines():
        code = line.split("#")[0].strip()
        if not code:
            continue
        check_text(code, what)
        match = _EQUATION.match(code)
        if match is None:
            raise InputError(
                f"{what}: '{code}' is no equation; write 'dv/dt = ... : unit', "
                "'x = ... : unit' or 'x : unit', one to a line"
            )
        states += match["state"] is not None
        name = match["state"] or match["sub"] or match["parameter"]
        expression = (match["rhs"] or match["sub_rhs"] or "").strip()
        if expression:
            parse_expression(expression, f"{what}, '{name}'")
        _check_unit(match["unit"], f"{what}, unit of '{name}'")
        found[name] = expression
        if len(found) > _MOST_EQUATIONS or states > _MOST_STATES:
            raise InputError(
                f"{what}: there are more than {_MOST_EQUATIONS} equations, or {_MOST_STATES} "
                "differential ones; share them out to several populations"
            )
    if not states:
        raise InputError(
            f"{what}: there is no state equation; give at least one 'dv/dt = ... : unit'"
        )
    return found


def check_costs(expressions: Mapping[str, str], states: Collection[str], what: str) -> None:
    """Refuse expressions that are over the budget once subexpressions are written out.

    Parameters
    ----------
    expressions : mapping of str to str
        All expressions of a model, by name; each checked by `parse_expression`.
    states : collection of str
        Which of them are differential equations; all others may be named as subexpressions.
    what : str
        Whose they are, for the error message.

    Raises
    ------
    InputError
        If so, or if a subexpression needs itself.

    Examples
    --------
    >>> lines = {"s0": "v + 1", **{f"s{i + 1}": f"s{i} + s{i}" for i in range(30)}}
    >>> check_costs(lines, (), "model")
    Traceback (most recent call last):
    brianbridge.errors.InputError: model, 's8': 's7 + s7' has more than 300 terms once ...
    """
    named = {name: names_in(text) & set(expressions) for name, text in expressions.items()}
    graph = {name: named[name] - set(states) for name in expressions}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise InputError(
            f"{what}: {' needs '.join(error.args[1])}; let no subexpression need itself"
        ) from None
    costs: dict[str, Cost] = {}
    sizes, couplings = 0.0, 0
    for name in order:
        text = one_line(expressions[name])
        node = ast.parse(text, mode="eval").body
        cost = cost_of(node, text, f"{what}, '{name}'", costs)
        named[name] = named[name].union(*(named[other] for other in graph[name]))
        sizes += cost.size
        if name in states:
            couplings += len(named[name] & set(states))
        else:
            costs[name] = cost
    for number, most, parts in (
        (sizes, _LARGEST_TOTAL, "parts once subexpressions are written out"),
        (couplings, _MOST_COUPLINGS, "couplings between differential equations"),
    ):
        if number > most:
            raise InputError(f"{what}: there are {number:.0f} {parts}; write at most {most}")


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
