"""Read the fields of a neuron model from an existing Brian2 `NeuronGroup`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Number
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.description import SPIKE_VALUE
from brianbridge.neurons.expressions import one_line, substitute_name
from brianbridge.neurons.quantity_text import unit_name
from brianbridge.neurons.regular import RegularCode
from brianbridge.neurons.statements import parse_statements

__all__ = ["COLUMN", "equation_line", "fields_of_group"]

#: The variable that holds the index of a neuron, where equations use Brian2's ``i``.
COLUMN = "neuron_index"


def fields_of_group(group: Any, *, namespace: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the fields of `group`'s neuron model, once for each method that Brian2 would try.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group. It is not changed.
    namespace : mapping
        Where to look up constants that the group's own namespace lacks.

    Raises
    ------
    InputError
        If a name stands for a function, or the group does something that a model cannot hold.
    """
    from brian2 import NeuronGroup

    if not isinstance(group, NeuronGroup):
        raise InputError(f"{type(group).__name__} is not a NeuronGroup; give one")
    what = f"group '{group.name}'"
    regular = _regular(group, what)
    emit, reset = _emit_and_reset(group)
    lines, initial = [], {}
    parameters, timed = _named_constants(group, namespace, what)
    for eq in group.user_equations.values():
        if eq.varname == SPIKE_VALUE:
            continue
        value = None if eq.type == "subexpression" else _present_value(group, eq)
        if eq.type == "parameter" and "constant" in eq.flags and eq.var_type == "float":
            parameters[eq.varname] = value
            continue
        lines.append(equation_line(eq))
        if value is not None and np.any(value):
            initial[eq.varname] = value
    if any(np.ndim(array.values) == 2 for array in timed.values()):
        codes = [emit, reset, *(one.code for one in regular), *lines]
        emit, reset, *rest = _with_columns(codes, group, initial)
        regular = [replace(one, code=code) for one, code in zip(regular, rest, strict=False)]
        lines = rest[len(regular) :]
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
            "timed_arrays": timed,
            "regular": regular,
        }


def _regular(group: Any, what: str) -> list[RegularCode]:
    """Return the code that a group runs regularly; refuse anything else that it does."""
    from brian2.groups.group import CodeRunner

    events = sorted(set(group.events) - {"spike"})
    if events:
        raise InputError(
            f"{what} has the custom event '{events[0]}'; a model has only spikes, so remove it"
        )
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


def _named_constants(
    group: Any, outer: Mapping[str, Any], what: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constants and timed arrays that the code names, found as Brian2 finds them."""
    from brian2 import TimedArray
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS
    from brian2.groups.group import CodeRunner
    from brian2.utils.stringtools import get_identifiers

    texts = [*group.events.values(), *(code or "" for code in group.event_codes.values())]
    texts += [group._refractory] if isinstance(group._refractory, str) else []
    texts += [part.abstract_code for part in group.contained_objects if type(part) is CodeRunner]
    used = set(group.equations.identifiers).union(*(get_identifiers(text) for text in texts))
    builtin = {*DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, *DEFAULT_UNITS, "int", "and", "or", "not"}
    namespace = group.namespace or {}
    found, timed = {}, {}
    for name in sorted(used - set(group.variables)):
        value = namespace.get(name, None if name in builtin else outer.get(name))
        if isinstance(value, TimedArray):
            timed[name] = value
        elif callable(value):
            raise InputError(
                f"{what}: '{name}' is a function; a model has only constants, so write it out"
            )
        if isinstance(value, Number | np.generic | np.ndarray):
            found[name] = value
    return found, timed  # the check of the model reports names that are still missing


def _with_columns(codes: list[str], group: Any, initial: dict[str, Any]) -> list[str]:
    """Replace Brian2's index ``i`` by a variable, since a population is repeated for each sample.

    A timed array with columns is called with it, ``stimulus(t, i)``. Its declaration comes last.
    """
    from brian2.utils.stringtools import get_identifiers

    if "i" in group.user_equations or not any("i" in get_identifiers(code) for code in codes):
        return codes
    initial[COLUMN] = np.arange(len(group))
    declaration = f"{COLUMN} : integer (constant)"
    return [*(substitute_name(code, "i", COLUMN) for code in codes), declaration]


def _present_value(group: Any, eq: Any) -> Any:
    """Return the present value of a variable, one for each neuron if they differ."""
    from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

    values = np.array(group.variables[eq.varname].get_value())
    values = values[0] if np.all(values == values[0]) else values
    return values if eq.dim is DIMENSIONLESS else Quantity(values, dim=eq.dim)


def equation_line(eq: Any) -> str:
    """Write an equation, with a unit that equations accept (``str`` writes ``V``)."""
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
