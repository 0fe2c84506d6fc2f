"""Check when the parts of a `Synapses` object run, and which other code they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Subgroup
from brian2.groups.group import CodeRunner
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.network.synapses.code import read_code, side_of
from brianbridge.neurons.expressions import one_line
from brianbridge.simulation.reader.synapse_names import whole

__all__ = ["check_order", "check_parts", "delay_steps"]

#: Orders of Brian2 in the slot 'groups': a sum, and a state update.
_ORDERS = {"sum": -1, "update": 0}


def check_parts(synapses: Any, what: str) -> None:
    """Refuse synapses that run something else than their equations and pathways."""
    if synapses.multisynaptic_index is not None:
        raise InputError(
            f"{what}: multisynaptic_index numbers the synapses of a pair, which no projection "
            "keeps; declare a parameter, and give it these numbers"
        )
    if synapses.subexpression_updater is not None:
        raise InputError(
            f"{what} has an expression that is constant over dt, which no projection holds; drop "
            "the flag (constant over dt)"
        )
    if synapses._linked_variables:
        raise InputError(
            f"{what}: '{min(synapses._linked_variables)}' has the flag (linked), but synapses only "
            "read their own groups; declare it as a parameter"
        )
    _check_linked(synapses, what)
    updates = [synapses.state_updater, *synapses.summed_updaters.values()]
    for part in synapses.contained_objects:
        if part not in synapses._pathways and not any(part is one for one in updates):
            raise InputError(f"{what} runs '{part.name}', which no projection can hold; remove it")
    for part in filter(None, updates):
        order = _ORDERS["update" if part is synapses.state_updater else "sum"]
        if (part.when, part.order) != ("groups", order):
            raise InputError(
                f"{what}: '{part.name}' runs in '{part.when}', order {part.order}; only Brian2's "
                f"default can be read, 'groups', order {order}"
            )
    for pathway in synapses._pathways:
        code = f"on_{pathway.prepost} '{one_line(pathway.code)}'"
        if pathway.event != "spike":
            raise InputError(
                f"{what}: {code} follows the event '{pathway.event}', but projections follow "
                "spikes only; remove it"
            )
        if pathway.when != "synapses":
            raise InputError(
                f"{what}: pathway '{pathway.name}' runs in '{pathway.when}'; only Brian2's default "
                "schedule can be read, in which it runs in 'synapses'"
            )
    if not synapses._pathways and not synapses.summed_updaters:
        raise InputError(f"{what} has no on_pre, and thus no effect; remove it")


def _check_linked(synapses: Any, what: str) -> None:
    """Refuse code that reads or changes a linked variable of a neuron."""
    texts = [pathway.code for pathway in synapses._pathways]
    texts += [updater.expression.code for updater in synapses.summed_updaters.values()]
    for equations in filter(None, (synapses.equations, synapses.event_driven)):
        texts += [eq.expr.code for eq in equations.values() if eq.expr is not None]
    used = set().union(*(get_identifiers(text) for text in texts))
    for side, group in (("pre", synapses.source), ("post", synapses.target)):
        for name in getattr(whole(group), "_linked_variables", ()):
            found = [n for n in (f"{name}_{side}", name) if n in used and side_of(synapses, n)]
            if found and side_of(synapses, found[0]) == side:
                raise InputError(
                    f"{what}: '{found[0]}' is a linked variable of group '{whole(group).name}', "
                    "which synapses can neither read nor change; give the group a variable of its "
                    "own"
                )


def delay_steps(pathway: Any, dt: float, what: str) -> np.ndarray:
    """Return the delays of a pathway in steps, rounded as Brian2 does; one or one per synapse."""
    if pathway.clock.dt_ != dt:
        raise InputError(
            f"{what} has a time step of {pathway.clock.dt_ * 1e3:g} ms, but its groups have "
            f"{dt * 1e3:g} ms; give all the same clock"
        )
    delays = np.atleast_1d(pathway.variables["delay"].get_value()) / dt
    # Halves of a step: Brian2's compiled queue rounds them up, that in Python to even numbers.
    compiled = type(pathway.queue).__module__.endswith("cythonspikequeue")
    return np.floor(delays + 0.5) if compiled else np.round(delays)


def check_order(synapses: Any, outer: Mapping[str, Any], what: str) -> bool:
    """Return whether clock-driven equations take their step before the neurons do.

    Raises
    ------
    InputError
        If it is before the source and after the target, or a group runs code in between.
    """
    code = read_code(synapses, outer)
    ends = {"pre": synapses.source, "post": synapses.target}
    groups = {s: g.source if isinstance(g, Subgroup) else g for s, g in ends.items()}
    read = {name for s in code.update for name in get_identifiers(s.expr)}
    sides = [side for side in groups if any(name.endswith(f"_{side}") for name in read)]
    updater = synapses.state_updater
    first = {
        side: (updater.order, updater.name)
        < (groups[side].state_updater.order, groups[side].state_updater.name)
        for side in sides
    }
    if len(set(first.values())) > 1:
        raise InputError(
            f"{what}: Brian2 updates them between their source and their target, because it goes "
            "by name; choose a name that is before, or after, those of both groups"
        )
    touched = set(sides) if any(first.values()) else set()
    for name, statements in code.sums.items():
        used = {name}.union(*(get_identifiers(s.expr) for s in statements))
        touched |= {side for side in groups if any(n.endswith(f"_{side}") for n in used)}
        others = [n for n in code.sums if n != name and n in used]
        if others:
            raise InputError(
                f"{what}: the sum '{name}' reads the sum '{others[0]}'; write out the expression"
            )
    for side in touched:
        group = groups[side]
        parts = getattr(group, "contained_objects", ())
        if regular := [p.name for p in parts if type(p) is CodeRunner]:
            raise InputError(
                f"{what} and group '{group.name}' are coupled in every step, but the group also "
                f"runs '{regular[0]}' at its start; write it as an equation"
            )
    return any(first.values())
