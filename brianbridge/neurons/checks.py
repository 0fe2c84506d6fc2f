"""Check a neuron model before anything is built from it: names first, then units.

Names are checked here, by parsing; units by Brian2 itself, on a group that never runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, did_you_mean
from .expressions import check_names, parse_expression, parse_statements, split_equations
from .quantities import parse_quantity, unit_name

if TYPE_CHECKING:
    from .model import NeuronModel

__all__ = [
    "check_model_names",
    "check_model_units",
    "parse_initial",
    "parse_refractory",
    "probe",
    "resolve_names",
]

#: Names that Brian2 gives to every group.
_GROUP_NAMES = frozenset({"t", "dt", "i", "N", "lastspike", "not_refractory", "t_in_timesteps"})
_STARTS_WITH_A_NUMBER = re.compile(r"\s*[+-]?[\d.]")


def parse_refractory(value: Any, what: str) -> Any:
    """Return a refractory period as a `Quantity`, an expression, or None for none."""
    if value is None or value is False:
        return None
    if isinstance(value, str):
        if not _STARTS_WITH_A_NUMBER.match(value):
            parse_expression(value, f"{what}, refractory")
            return value
        value = parse_quantity(value, f"{what}, refractory")
    # lastspike starts at -1e4 s, and an infinite period overflows Brian2's step counter.
    if not float(value) < 1e4:
        raise InputError(
            f"{what}: refractory period {value} is not below 10000 s; for a neuron that fires "
            "once, use a flag: 'fired : boolean' with emit 'int(v > theta and not fired)'"
        )
    return value


def parse_initial(value: Any, parameters: Mapping[str, Any], what: str) -> Any:
    """Return an initial value: a quantity, or an expression of the model's parameters."""
    if not isinstance(value, str) or _STARTS_WITH_A_NUMBER.match(value):
        return parse_quantity(value, what)
    node = parse_expression(value, what)
    check_names(value, parameters, (), what)
    scope = {"__builtins__": {}, **parameters}
    return eval(compile(ast.Expression(node), what, "eval"), scope)  # only what was checked


def check_model_names(model: NeuronModel, what: str) -> None:
    """Refuse a model whose expressions do not parse or name what does not exist."""
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS

    equations = split_equations(model.equations, f"equations of {what}")
    clash = sorted(set(equations) & set(model.parameters))
    if clash:
        raise InputError(
            f"{what}: '{clash[0]}' is both a variable of the equations and a parameter"
        )
    known = {*equations, *model.parameters, *_GROUP_NAMES, *DEFAULT_UNITS, *DEFAULT_CONSTANTS}
    functions = {*DEFAULT_FUNCTIONS, "int"}
    for name, expression in equations.items():
        if expression:
            noise = set(re.findall(r"\bxi\w*\b", expression))
            check_names(expression, known | noise, functions, f"{what}, equation of '{name}'")
    if model.emit:
        parse_expression(model.emit, f"{what}, emit")
        check_names(model.emit, known, functions, f"{what}, emit")
    if isinstance(model.refractory, str):
        check_names(model.refractory, known, functions, f"{what}, refractory")
    settable = set(model.state_variables) | {name for name, expression in equations.items() if not expression}
    for line in parse_statements(model.reset, f"{what}, reset"):
        check_names(line.expression, known | {"emit"}, functions, f"{what}, reset")
        if line.target not in settable:
            raise InputError(
                f"{what}, reset: '{line.target}' cannot be set. "
                + did_you_mean(line.target, settable)
            )
    named = [("receive", model.receive), ("drive", model.drive)]
    named += [("initial", name) for name in model.initial]
    for role, name in named:
        if name and name not in settable:
            raise InputError(
                f"{what}: {role} names '{name}', which is no variable of the equations. "
                + did_you_mean(name, settable)
            )


def check_model_units(model: NeuronModel, what: str) -> None:
    """Let Brian2 check the units of a model; refuse ``exact`` where it does not apply."""
    from brian2.equations.unitcheck import check_units_statements
    from brian2.parsing.expressions import parse_expression_dimensions
    from brian2.stateupdaters.base import StateUpdateMethod
    from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError

    from .propagator import why_not_linear

    if model.method != "exact" and model.method not in StateUpdateMethod.stateupdaters:
        raise InputError(
            f"{what}: unknown method '{model.method}'. "
            + did_you_mean(model.method, {"exact", *StateUpdateMethod.stateupdaters})
        )
    sizes = {np.size(v) for v in model.heterogeneous.values()} or {1}
    if len(sizes) > 1:
        raise InputError(f"{what}: its parameters are arrays of different sizes {sorted(sizes)}")
    try:
        group = probe(model.group(sizes.pop()))
        variables = resolve_names(group, model.emit)
        group.equations.check_units(group, run_namespace={})
        if model.emit:
            if parse_expression_dimensions(model.emit, variables) is not DIMENSIONLESS:
                raise InputError(f"{what}: emit '{model.emit}' has a unit; a spike value has none")
            check_units_statements(group.event_codes["spike"], variables)
    except InputError:
        raise
    except (DimensionMismatchError, SyntaxError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error if len(error.args) > 1 else error.args[0]).split())
        raise InputError(f"{what}: {reason}") from None
    for name, value in model.initial.items():
        wanted = group.variables[name].dim
        if getattr(value, "dim", DIMENSIONLESS) is not wanted:
            raise InputError(
                f"{what}: initial value {value!r} of '{name}' has the wrong unit; '{name}' is in "
                f"{unit_name(wanted)}"
            )
    if model.method == "exact":
        reason = why_not_linear(group.equations, variables)
        if reason:
            raise InputError(
                f"{what}: method 'exact' needs linear equations, but {reason}; use method "
                "'euler', 'rk4' or 'exponential_euler'"
            )


def probe(group: Any) -> Any:
    """Mark a group that is only looked at, so that Brian2 does not warn that it never ran."""
    for part in (group, *group.contained_objects):
        part._network = "probe"
    return group


def resolve_names(group: Any, *texts: str) -> dict[str, Any]:
    """Return what every identifier of a group, and of further code `texts`, refers to.

    Parameters
    ----------
    group : brian2.NeuronGroup
        A group with an explicit namespace.
    *texts : str
        Further abstract code.

    Returns
    -------
    dict of str to brian2 Variable or Function
    """
    from brian2.utils.stringtools import get_identifiers

    codes = [*group.events.values(), *group.event_codes.values(), *texts]
    if isinstance(group._refractory, str):
        codes.append(group._refractory)
    used = set(group.equations.identifiers).union(*(get_identifiers(c) for c in codes))
    variables = dict(group.variables)
    for name in used - set(variables) - {"and", "or", "not", "True", "False"}:
        try:
            variables[name] = group._resolve(name, run_namespace={}, user_identifier=False)
        except KeyError:
            continue  # a temporary of the abstract code itself
    return variables
