"""Read the fields of a neuron model from an existing Brian2 `NeuronGroup`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.description import SPIKE_VALUE
from brianbridge.neurons.events import events_of_group
from brianbridge.neurons.expressions import one_line, substitute_name
from brianbridge.neurons.group_constants import constants_of_group
from brianbridge.neurons.linked import check_linked
from brianbridge.neurons.quantity_text import unit_name
from brianbridge.neurons.regular import RegularCode
from brianbridge.neurons.statements import parse_statements

__all__ = ["equation_line", "fields_of_group"]


def fields_of_group(
    group: Any, *, namespace: Mapping[str, Any], followed: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the fields of `group`'s neuron model, once for each method that Brian2 would try.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group. It is not changed.
    namespace : mapping
        Where to look up constants that the group's own namespace lacks.
    followed : collection of str
        Linked variables that the network sets in each step.

    Raises
    ------
    InputError
        If a name stands for a function that is not registered, or the group does something that a
        model cannot hold.
    """
    from brian2 import NeuronGroup

    if not isinstance(group, NeuronGroup):
        raise InputError(f"{type(group).__name__} is not a NeuronGroup; give one")
    what = f"group '{group.name}'"
    regular = _regular(group, what)
    emit, reset = _emit_and_reset(group)
    lines, initial = [], {}
    events = events_of_group(group, what)
    codes = [reset, *(one.code for one in regular), *(one.code for one in events)]
    texts = [emit, *(event.condition for event in events)]
    constants = constants_of_group(group, texts, codes, namespace)
    parameters = dict(constants.numbers)
    reset, *codes = constants.codes
    regular = [replace(one, code=code) for one, code in zip(regular, codes, strict=False)]
    codes = codes[len(regular) :]
    events = [replace(one, code=code) for one, code in zip(events, codes, strict=True)]
    for eq in group.user_equations.values():
        if eq.varname == SPIKE_VALUE:
            continue
        if eq.varname in followed:
            lines.append(f"{eq.varname} : {unit_name(eq.dim)}")
            continue
        if "linked" in eq.flags:
            check_linked(group, eq.varname)
        value = None if eq.type == "subexpression" else _present_value(group, eq)
        constant = {"constant", "linked"} & set(eq.flags)
        if eq.type == "parameter" and constant and eq.var_type == "float":
            parameters[eq.varname] = value
            continue
        lines.append(equation_line(eq))
        if value is not None and np.any(value):
            initial[eq.varname] = value
    for method in _methods(group, what):
        yield {
            "equations": "\n".join(lines),
            "emit": emit,
            "reset": reset,
            "parameters": parameters,
            "initial": initial,
            "refractory": group._refractory,
            "method": method,
            "name": group.name,
            "timed_arrays": constants.timed,
            "regular": regular,
            "events": events,
        }


def _regular(group: Any, what: str) -> list[RegularCode]:
    """Return the code that a group runs regularly; refuse anything else that it does."""
    from brian2.groups.group import CodeRunner

    known = [group.state_updater, *group.thresholder.values(), *group.resetter.values()]
    known.append(getattr(group, "subexpression_updater", None))
    found = []
    for part in group.contained_objects:
        if any(part is k for k in known):
            continue
        if type(part) is not CodeRunner or part.template != "stateupdate":
            raise InputError(
                f"{what} also runs '{part.name}'; a model has only equations, threshold, reset and "
                "code that runs regularly"
            )
        if part.when != "start":
            raise InputError(
                f"{what}: '{part.name}' runs in '{part.when}'; use when='start', at the start of a "
                "step"
            )
        own = None if part.clock is group.clock else float(part.clock.dt_)
        found.append((part.order, part.name, RegularCode(part.abstract_code, own)))
    codes = [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]
    for one in codes:
        one.steps(float(group.clock.dt_))
    return codes


def _emit_and_reset(group: Any) -> tuple[str, str]:
    """Return emit and reset. If the reset first sets the spike value, emit is that expression."""
    threshold, reset = group.events.get("spike"), group.event_codes.get("spike") or ""
    if threshold is None:
        return "", ""
    if SPIKE_VALUE in group.variables:
        first, *rest = parse_statements(reset, f"group '{group.name}', reset")
        if (first.target, first.operation) == (SPIKE_VALUE, "="):
            lines = [f"{s.target} {s.operation} {s.expression}" for s in rest]
            return first.expression, substitute_name("\n".join(lines), SPIKE_VALUE, "emit")
    return f"int({one_line(threshold)})", reset


def _present_value(group: Any, eq: Any) -> Any:
    """Return the present value of a variable, one for each neuron if they differ."""
    from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

    values = np.array(group.state(eq.varname, use_units=False)[:], ndmin=1)
    values = values[0] if np.all(values == values[0]) else values
    return values if eq.dim is DIMENSIONLESS else Quantity(values, dim=eq.dim)


def equation_line(eq: Any) -> str:
    """Write an equation, with a unit that equations accept (``str`` writes ``V``)."""
    left = f"d{eq.varname}/dt" if eq.type == "differential equation" else eq.varname
    right = f" = {one_line(eq.expr.code)}" if eq.expr is not None else ""
    unit = unit_name(eq.dim) if eq.var_type == "float" else eq.var_type
    kept = ["constant" if flag == "linked" else flag for flag in eq.flags]
    flags = f" ({', '.join(kept)})" if kept else ""
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
