"""Parse the equations of a neuron model, and bound what they cost together."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from brianbridge.errors import InputError
from brianbridge.neurons.budget import Cost, check_text, cost_of
from brianbridge.neurons.expressions import called_functions, names_in, one_line, parse_expression

__all__ = ["TYPED", "check_costs", "flags_of", "integers_and_booleans", "split_equations"]

_EQUATION = re.compile(
    r"^\s*(?:d(?P<state>\w+)\s*/\s*dt\s*=(?P<rhs>[^:]+)|(?P<sub>\w+)\s*=(?P<sub_rhs>[^:]+)"
    r"|(?P<parameter>\w+))\s*:\s*(?P<unit>[^()#]+?)\s*(?:\((?P<flags>[^)]*)\))?\s*$",
    re.ASCII,
)
#: Variables of other types, with their expressions and types.
TYPED = re.compile(r"^\s*(\w+)\s*(?:=([^:]+))?:\s*(integer|boolean)\b", re.MULTILINE)
#: Limits of the equations of a model, and of its differential equations, which may all be coupled.
_MOST_EQUATIONS = 400
_MOST_STATES = 100
#: Limit of the nodes of all their syntax trees together, once subexpressions are substituted.
_LARGEST_TOTAL = 20_000
#: Limit of the pairs of a differential equation and a variable that it depends on.
_MOST_COUPLINGS = 1_000


def split_equations(text: str, what: str) -> dict[str, str]:
    r"""Split equations into the expression of each name, and check their syntax.

    Parameters (``drive : Hz``) have an empty expression.

    Raises
    ------
    InputError
        If a line is not an equation, a unit is unknown, or there are too many equations.

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
                f"{what}: '{code}' is not an equation; write 'dv/dt = ... : unit', "
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
                "differential ones; split the neurons into several populations"
            )
    return found


def integers_and_booleans(equations: str) -> dict[str, str]:
    r"""Return the variables that are integers or booleans, with their type.

    Examples
    --------
    >>> integers_and_booleans("dv/dt = -v/tau : 1\nfired : boolean\nk : integer (constant)")
    {'fired': 'boolean', 'k': 'integer'}
    """
    return {name: kind for name, _, kind in TYPED.findall(equations)}


def flags_of(equations: str) -> dict[str, set[str]]:
    r"""Return the flags of each variable of some equations, which have been checked.

    Examples
    --------
    >>> flags_of("dv/dt = (I - v)/tau : 1 (unless refractory)\nI : 1")
    {'v': {'unless refractory'}, 'I': set()}
    """
    lines = (_EQUATION.match(line.split("#")[0]) for line in equations.splitlines())
    return {
        match["state"] or match["sub"] or match["parameter"]: {
            flag.strip() for flag in (match["flags"] or "").split(",") if flag
        }
        for match in lines
        if match is not None
    }


def check_costs(expressions: Mapping[str, str], states: Collection[str], what: str) -> None:
    """Refuse expressions that cost too much once subexpressions are written out.

    Parameters
    ----------
    expressions : mapping of str to str
        All expressions of a model, by name; each checked by `parse_expression`.
    states : collection of str
        Names of the differential equations. All others may be used as subexpressions.
    what : str
        What the expressions belong to, for the error message.

    Raises
    ------
    InputError
        If they cost too much, or a subexpression needs itself.

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
            f"{what}: {' needs '.join(error.args[1])}; remove this circle of subexpressions"
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
    """Refuse text that is not a unit, before Brian2 evaluates it."""
    from brian2.equations.equations import dimensions_and_type_from_string

    parse_expression(text, what)
    try:
        if called_functions(text):
            raise ValueError("a unit has no functions")
        dimensions_and_type_from_string(text)
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{what}: '{text}' is not a unit ({one_line(str(error))})") from None
