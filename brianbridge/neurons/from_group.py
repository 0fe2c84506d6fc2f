"""Read a neuron model off a `NeuronGroup` that a Brian2 user already has."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import one_line, parse_statements, substitute_name
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.neurons.quantities import unit_name

__all__ = ["model_from_group"]


def model_from_group(
    group: Any,
    *,
    receive: str | None = None,
    drive: str = "",
    namespace: Mapping[str, Any] | None = None,
    level: int = 0,
) -> NeuronModel:
    """Return the model of `group`: equations, threshold, reset, refractory and constants.

    Constants come from the group's own namespace, else from `namespace`, else from the
    variables where the function is called, as when Brian2 runs. Parameters that the equations
    declare with the ``(constant)`` flag are taken with the values that they have now, one a
    neuron where they differ; current values of state variables become initial values. A group
    that `NeuronModel.group` built gives its model back, whatever its spikes carry.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group; it is not changed.
    receive : str, optional
        The variable that synaptic weights add to; by default ``v``, or the only state variable.
    drive : str
        The parameter of the equations that a constant input sets.
    namespace : mapping, optional
        Where to look up constants that the group's own namespace does not have.

    Raises
    ------
    InputError
        If a name cannot be found or stands for a function, or the group does what a model cannot
        hold: custom events, regular operations.

    Examples
    --------
    >>> from brian2 import NeuronGroup, ms
    >>> tau = 5*ms
    >>> group = NeuronGroup(3, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0")
    >>> model = model_from_group(group)
    >>> model.emit, model.parameters["tau"]
    ('int(v > 1)', 5. * msecond)
    """
    from brian2 import NeuronGroup
    from brian2.core.namespace import get_local_namespace

    if not isinstance(group, NeuronGroup):
        raise InputError(f"{type(group).__name__} is no NeuronGroup, so it has no neuron model")
    what = f"group '{group.name}'"
    _check_is_plain(group, what)
    outer = get_local_namespace(level + 1) if namespace is None else namespace
    emit, reset = _emit_and_reset(group)
    lines, initial = [], {}
    parameters = _named_constants(group, outer, what)
    for eq in group.user_equations.values():
        if eq.varname == SPIKE_VALUE:
            continue
        value = None if eq.type == "subexpression" else _present_value(group, eq)
        if eq.type == "parameter" and "constant" in eq.flags and eq.var_type == "float":
            parameters[eq.varname] = value
            continue
        lines.append(_line(eq))
        if value is not None and np.any(value):
            initial[eq.varname] = value
    states = list(group.user_equations.diff_eq_names)
    if receive is None:
        receive = "v" if "v" in states or len(states) != 1 else states[0]
    problem = None
    for method in _methods(group, what):
        try:
            return NeuronModel(
                equations="\n".join(lines),
                emit=emit,
                reset=reset,
                receive=receive,
                drive=drive,
                parameters=parameters,
                initial=initial,
                refractory=group._refractory,
                method=method,
                name=group.name,
            )
        except InputError as error:
            problem = error
    raise problem or InputError(f"{what} names no state update method")


def _check_is_plain(group: Any, what: str) -> None:
    """Refuse groups that do more than their equations, threshold and reset say."""
    events = sorted(set(group.events) - {"spike"})
    if events:
        raise InputError(f"{what} has the custom event '{events[0]}', which no model can hold")
    known = [group.state_updater, *group.thresholder.values(), *group.resetter.values()]
    known.append(getattr(group, "subexpression_updater", None))
    for part in group.contained_objects:
        if not any(part is k for k in known):
            raise InputError(f"{what} runs '{part.name}' besides, which no model can hold")


def _emit_and_reset(group: Any) -> tuple[str, str]:
    """Return emit and reset; a reset that starts with the spike value tells what is emitted."""
    threshold, reset = group.events.get("spike"), group.event_codes.get("spike") or ""
    if threshold is None:
        return "", ""
    if SPIKE_VALUE in group.variables:
        first, *rest = parse_statements(reset, f"group '{group.name}', reset")
        if (first.target, first.operation) == (SPIKE_VALUE, "="):
            lines = [f"{s.target} {s.operation} {s.expression}" for s in rest]
            return first.expression, substitute_name("\n".join(lines), SPIKE_VALUE, "emit")
    return f"int({one_line(threshold)})", reset


def _named_constants(group: Any, outer: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the constants that the group's code names, found as Brian2 finds them."""
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS
    from brian2.utils.stringtools import get_identifiers

    texts = [*group.events.values(), *(code or "" for code in group.event_codes.values())]
    texts += [group._refractory] if isinstance(group._refractory, str) else []
    used = set(group.equations.identifiers).union(*(get_identifiers(text) for text in texts))
    builtin = {*DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, *DEFAULT_UNITS, "int", "and", "or", "not"}
    own = group.namespace or {}
    found = {}
    for name in sorted(used - set(group.variables)):
        value = own.get(name, None if name in builtin else outer.get(name))
        if callable(value):
            raise InputError(f"{what}: '{name}' is a function, which no model can hold")
        if isinstance(value, Number | np.generic | np.ndarray):
            found[name] = value
    return found  # what is missing here, the model's own check will tell


def _present_value(group: Any, eq: Any) -> Any:
    """Return what a variable is now, one value a neuron where they differ."""
    from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

    values = np.array(group.variables[eq.varname].get_value())
    values = values[0] if np.all(values == values[0]) else values
    return values if eq.dim is DIMENSIONLESS else Quantity(values, dim=eq.dim)


def _line(eq: Any) -> str:
    """Write an equation with a unit that equations accept, where ``str`` writes ``V``."""
    left = f"d{eq.varname}/dt" if eq.type == "differential equation" else eq.varname
    right = f" = {one_line(eq.expr.code)}" if eq.expr is not None else ""
    unit = unit_name(eq.dim) if eq.var_type == "float" else eq.var_type
    flags = f" ({', '.join(eq.flags)})" if eq.flags else ""
    return f"{left}{right} : {unit}{flags}"


def _methods(group: Any, what: str) -> list[str]:
    """Return the names of the state update methods that Brian2 would try in turn."""
    from brian2.stateupdaters.base import StateUpdateMethod

    choice = group.method_choice
    methods = []
    for method in [choice] if isinstance(choice, str) or callable(choice) else choice:
        names = [k for k, known in StateUpdateMethod.stateupdaters.items() if known is method]
        if not isinstance(method, str) and not names:
            raise InputError(f"{what}: the state update method {method!r} is not registered")
        methods.append(method if isinstance(method, str) else names[0])
    return methods
