"""Read a neuron model off a `NeuronGroup` that a Brian2 user already has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from .model import NeuronModel

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
    neuron; current values of state variables become initial values.

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
        If a name cannot be found, or stands for a function that a model cannot hold.

    Examples
    --------
    >>> from brian2 import NeuronGroup, ms
    >>> tau = 5*ms
    >>> group = NeuronGroup(3, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0")
    >>> model = model_from_group(group)
    >>> model.emit, model.parameters["tau"]
    ('int(v > 1)', 5. * msecond)
    """
    from brian2.core.namespace import get_local_namespace
    from brian2.utils.stringtools import get_identifiers

    what = f"group '{group.name}'"
    outer = get_local_namespace(level + 1) if namespace is None else namespace
    equations = group.user_equations
    other_events = sorted(set(group.events) - {"spike"})
    if other_events:
        raise InputError(f"{what} has the custom event '{other_events[0]}', which no model can hold")
    refractory = None if group._refractory is False else group._refractory
    texts = [*group.events.values(), *group.event_codes.values()]
    texts += [refractory] if isinstance(refractory, str) else []
    used = set(equations.identifiers).union(*(get_identifiers(text) for text in texts))

    parameters: dict[str, Any] = {}
    for name in sorted(used - set(group.variables) - {"int", "and", "or", "not", "True", "False"}):
        if name in (group.namespace or {}):
            value = group.namespace[name]
        elif name in outer and np.isscalar(outer[name]) or hasattr(outer.get(name), "dim"):
            value = outer[name]
        else:
            continue  # a unit or function of Brian2's, or unknown: the model's own check tells
        if callable(value):
            raise InputError(f"{what}: '{name}' is a function, which no model can hold")
        parameters[name] = value

    lines, initial = [], {}
    for eq in equations.values():
        values = group.variables[eq.varname].get_value() if eq.type != "subexpression" else None
        if eq.type == "parameter" and "constant" in eq.flags:
            parameters[eq.varname] = _quantity(values, eq.dim)
            continue
        lines.append(str(eq))
        if values is not None and np.any(values):
            alike = np.all(values == values[0])
            initial[eq.varname] = _quantity(values[0] if alike else values, eq.dim)
    names = [eq.varname for eq in equations.values() if eq.type == "differential equation"]
    if receive is None:
        receive = "v" if "v" in names or len(names) != 1 else names[0]
    return NeuronModel(
        equations="\n".join(lines),
        threshold=group.events.get("spike"),
        reset=group.event_codes.get("spike", ""),
        receive=receive,
        drive=drive,
        parameters=parameters,
        initial=initial,
        refractory=refractory,
        method=_method(group),
        name=group.name,
    )


def _method(group: Any) -> str:
    """Return the state update method that Brian2 would pick, ``exact`` for the propagator."""
    from .propagator import METHOD, why_not_linear

    choice = group.method_choice
    if isinstance(choice, str):
        return "exact" if choice.lower() in ("exact", "linear", METHOD) else choice.lower()
    # Brian2's default is a list that starts with exact and goes on with euler.
    return "euler" if why_not_linear(group.equations, group.variables) else "exact"


def _quantity(values: np.ndarray, dimension: Any) -> Any:
    from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

    values = np.array(values)
    return values if dimension is DIMENSIONLESS else Quantity(values, dim=dimension)
