"""Collect the objects of a Brian2 network, and refuse those that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brian2 import (
    MagicNetwork,
    Network,
    NeuronGroup,
    PoissonGroup,
    PoissonInput,
    PopulationRateMonitor,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    collect,
)
from brian2.core.base import BrianObject
from brian2.monitors.spikemonitor import EventMonitor

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, Projection

__all__ = [
    "Parts",
    "check_input",
    "check_network",
    "chosen_group",
    "common_dt",
    "named_potentials",
    "objects_of",
    "output_last",
    "parts_of",
]

_MONITORS = (EventMonitor, StateMonitor, PopulationRateMonitor)
#: Slots of Brian2's default schedule, in order.
_ORDER = ["start", "groups", "thresholds", "synapses", "resets", "end"]


def objects_of(network: Any, level: int = 0) -> list[Any]:
    """Return the Brian2 objects of a network; those of a `Network` sorted by name.

    Parameters
    ----------
    network : brian2.Network, or iterable of Brian2 objects
        The magic network stands for the objects that are visible to the caller.
    level : int
        Number of stack frames between this function and the caller.
    """
    if isinstance(network, MagicNetwork):
        found: Any = collect(level + 1)
    elif isinstance(network, Network):
        found = network.objects
    elif isinstance(network, Iterable) and not isinstance(network, str | BrianObject):
        found = list(network)
    else:
        found = [None]
    for one in found:
        if not isinstance(one, BrianObject):
            raise InputError(
                f"{type(network).__name__} is not a Brian2 network; give a brian2.Network, or a "
                "list of its groups and synapses"
            )
    return sorted(found, key=_natural_order) if isinstance(found, set) else found


def _natural_order(one: Any) -> list[Any]:
    """Return a key that sorts ``group_2`` before ``group_10``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", one.name)]


def chosen_group(choice: Any, objects: list[Any], what: str) -> Any:
    """Return a group, given as an object or by name."""
    kinds = (NeuronGroup, SpikeGeneratorGroup, PoissonGroup)
    groups = {one.name: one for one in objects if isinstance(one, kinds)}
    name = choice if isinstance(choice, str) else getattr(choice, "name", repr(choice))
    if name not in groups:
        raise InputError(f"{what}: the network has no group '{name}'. {did_you_mean(name, groups)}")
    return groups[name]


def check_input(group: Any, sources: Sequence[Any]) -> None:
    """Refuse an input that has equations, if groups that only emit spikes were left out."""
    if isinstance(group, NeuronGroup) and sources:
        others = " or ".join(f"input='{one.name}'" for one in sources)
        raise InputError(
            f"input: '{group.name}' is a NeuronGroup with equations; name a SpikeGeneratorGroup or "
            f"PoissonGroup, {others}"
        )


@dataclass(frozen=True)
class Parts:
    """Hold the objects of a network that act in a run, by kind.

    Parameters
    ----------
    groups, synapses : list
        The `NeuronGroup` and `Synapses` objects.
    sources : list
        `SpikeGeneratorGroup` and `PoissonGroup` objects that keep their own spikes.
    poisson_inputs : list
        The `PoissonInput` objects.
    """

    groups: list[Any] = field(default_factory=list)
    synapses: list[Any] = field(default_factory=list)
    sources: list[Any] = field(default_factory=list)
    poisson_inputs: list[Any] = field(default_factory=list)


def parts_of(objects: list[Any], with_data: Sequence[Any]) -> Parts:
    """Sort objects by kind; refuse those that cannot be read.

    Parameters
    ----------
    objects : list
        The objects of the network.
    with_data : sequence of group
        Groups whose spikes come from samples, which are left out.
    """
    parts = Parts()
    for one in objects:
        what = f"'{one.name}' ({type(one).__name__})"
        if any(one is group for group in with_data) or isinstance(one, _MONITORS):
            continue
        if type(one) is NeuronGroup and _holds_constants(one):
            continue  # such as those that linked variables refer to
        if not one.active:
            raise InputError(f"{what} is not active; set active = True, or leave it out")
        if one.name == INPUT:
            raise InputError(
                f"{what} has the name that the input of every network has; rename it "
                f"({type(one).__name__}(..., name='...')), or read the network with input='{INPUT}'"
            )
        if type(one) is NeuronGroup:
            parts.groups.append(one)
        elif type(one) is Synapses:
            parts.synapses.append(one)
        elif isinstance(one, SpikeGeneratorGroup | PoissonGroup):
            parts.sources.append(one)
        elif isinstance(one, PoissonInput):
            parts.poisson_inputs.append(one)
        else:
            raise InputError(
                f"{what} cannot be read; a spiking network has NeuronGroup, Synapses, "
                "SpikeGeneratorGroup, PoissonGroup and PoissonInput only"
            )
    if not parts.groups:
        for group in with_data:
            check_input(group, parts.sources)
        raise InputError("the network has no NeuronGroup besides the input; give it one")
    return parts


def _holds_constants(group: Any) -> bool:
    """Return whether a group has nothing but constants, and does nothing in a run."""
    constant = all("constant" in eq.flags for eq in group.user_equations.values())
    return constant and not group.events


def named_potentials(potential: str | Mapping[str, str], groups: list[Any]) -> dict[str, str]:
    """Return the membrane potentials that a caller named, by the name of the group.

    Parameters
    ----------
    potential : str or mapping of str to str
        See `brianbridge.from_brian2`.
    groups : list of brian2.NeuronGroup
        The groups of the network.
    """
    variables = {group.name: list(group.user_equations) for group in groups}
    if isinstance(potential, str):
        found = {name: potential for name, known in variables.items() if potential in known}
        if potential and not found:
            hint = did_you_mean(potential, {name for known in variables.values() for name in known})
            raise InputError(f"potential: no group has a variable '{potential}'. {hint}")
        return found
    for name in potential:
        if name not in variables:
            hint = did_you_mean(name, variables)
            raise InputError(f"potential: the network has no group '{name}'. {hint}")
    return dict(potential)


def check_network(network: Any) -> None:
    """Refuse a network that has a custom schedule."""
    if isinstance(network, Network):
        order = [slot for slot in network.schedule if slot in _ORDER]
        if order != _ORDER:
            raise InputError(
                f"network '{network.name}' has a custom schedule, {order}; only Brian2's "
                "default schedule can be read, so set network.schedule = None"
            )


def common_dt(groups: list[Any]) -> float:
    """Return the time step of all clocks, in seconds; refuse clocks that differ."""
    first = groups[0]
    for group in groups:
        if group.clock.dt_ != first.clock.dt_:
            raise InputError(
                f"group '{group.name}' has a step of {group.clock.dt_ * 1e3:g} ms, and group "
                f"'{first.name}' one of {first.clock.dt_ * 1e3:g} ms; give both the same clock"
            )
    return float(first.clock.dt_)


def output_last(groups: list[Any], output: Any, projections: list[Projection]) -> list[Any]:
    """Return groups with the output at the end; see `from_brian2` for the default output."""
    if output is None:
        leads = {p.source for p in projections if p.source != p.target}
        ends = [group for group in groups if group.name not in leads]
        last = ends[0] if len(ends) == 1 else groups[-1]
    else:
        last = chosen_group(output, groups, "output")
    return [*(group for group in groups if group is not last), last]
