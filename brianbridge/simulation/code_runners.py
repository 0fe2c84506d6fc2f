"""The code runners of a Brian2 group, and the functions that their code calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.variables import Subexpression
from brian2.utils.stringtools import deindent, strip_empty_lines

__all__ = ["called_functions", "code_runners", "random_functions"]


def random_functions() -> frozenset[str]:
    """Return the names of Brian2's functions that return a different value at each call.

    Examples
    --------
    >>> sorted(random_functions())[-2:]
    ['rand', 'randn']
    """
    return frozenset(n for n, f in DEFAULT_FUNCTIONS.items() if not getattr(f, "stateless", True))


def code_runners(group: Any) -> dict[str, tuple[Any, list[str]]]:
    """Return the objects that Brian2 runs for a group of neurons in every step.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Any group.

    Returns
    -------
    dict of str to (brian2 CodeRunner, list of str)
        The code runner and its code, by name ("state update", "threshold", ...).

    Examples
    --------
    >>> from brian2 import NeuronGroup
    >>> group = NeuronGroup(1, "v : 1", threshold="v > 1", reset="v = rand()")
    >>> {name: code for name, (_, code) in code_runners(group).items()}
    {'state update': [], 'threshold': ['v > 1'], 'reset': ['v = rand()']}
    """
    update = [str(e.expr.code) for e in group.equations.values() if e.expr is not None]
    refractory = [group._refractory] if isinstance(group._refractory, str) else []
    parts = {"state update": (group.state_updater, update + refractory)}
    if group.subexpression_updater is not None:
        updater = group.subexpression_updater
        parts["subexpressions"] = (updater, [updater.abstract_code])
    for event, condition in group.events.items():
        of = "" if event == "spike" else f" of {event}"
        parts[f"threshold{of}"] = (group.thresholder[event], [condition])
        if event in group.resetter:
            parts[f"reset{of}"] = (group.resetter[event], [group.event_codes[event]])
    return parts


def called_functions(code: Iterable[str], variables: Mapping[str, Any]) -> set[str]:
    """Return the functions that statements call, also through subexpressions.

    Parameters
    ----------
    code : iterable of str
        Statements or expressions.
    variables : mapping
        Variables of the group that runs the code.

    Examples
    --------
    >>> sorted(called_functions(["v = exp(rand())", "w += sin(v)"], {}))
    ['exp', 'rand', 'sin']
    """
    names: set[str] = set()
    for text in code:
        try:
            tree = ast.parse(strip_empty_lines(deindent(text)))
        except SyntaxError:
            continue  # Brian2 itself reports the error
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names.add(node.func.id)
            elif isinstance(node, ast.Name) and isinstance(variables.get(node.id), Subexpression):
                names |= called_functions([variables[node.id].expr], variables)
    return names
