"""Read one `NeuronGroup` as a population, and one `Synapses` object as projections.

Features that these do not have are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import Subgroup

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, Projection, Sparse
from brianbridge.neurons.linked import linked_sources, refuse_changing
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.simulation.reader.addition import Addition
from brianbridge.simulation.reader.synapse_code import additions

__all__ = ["ends", "read_group", "read_synapses"]


def read_group(
    group: Any, projections: Sequence[Projection], outer: Mapping[str, Any], potential: str = ""
) -> Population:
    """Return a group as a population of the same name.

    Parameters
    ----------
    group : brian2.NeuronGroup
        A group that has not run.
    projections : sequence of Projection
        All projections of the network; those to the group define the variable that receives.
    outer : mapping
        Constants that the namespace of the group does not have.
    potential : str
        The variable that is the membrane potential, if the caller names it.

    Raises
    ------
    InputError
        If it has fired already, or does more than its equations, threshold and reset.
    """
    what = f"group '{group.name}'"
    expected = [("groups", group.state_updater), ("before_start", group.subexpression_updater)]
    expected += [("thresholds", group.thresholder.get("spike"))]
    # Groups with graded spikes reset right after their threshold, which sets the spike values.
    resets = "thresholds" if SPIKE_VALUE in group.variables else "resets"
    expected += [(resets, group.resetter.get("spike"))]
    for slot, part in expected:
        if part is not None and part.when != slot:
            raise InputError(
                f"{what}: '{part.name}' runs in '{part.when}'; only Brian2's default schedule can "
                f"be read, in which it runs in '{slot}'"
            )
    if "lastspike" in group.variables and np.any(group.variables["lastspike"].get_value() >= 0):
        raise InputError(
            f"{what} has fired already, but a presentation starts without refractory neurons; read "
            "it before it runs, or after restore()"
        )
    _check_links(group, projections)
    received = [p.receive for p in projections if p.target == group.name]
    receive = received[0] if received else None
    model = NeuronModel.from_group(group, receive=receive, potential=potential, namespace=outer)
    return Population(group.name, (len(group),), model)


def _check_links(group: Any, projections: Sequence[Projection]) -> None:
    """Refuse linked variables whose source receives spikes."""
    received = {(p.target, p.receive) for p in projections}
    for name, source in linked_sources(group).items():
        if source in received:
            refuse_changing(f"group '{group.name}': linked variable '{name}'", *source)


def ends(synapses: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return source and target indices of each synapse, counted in whole groups, not subgroups."""
    i, j = (np.array(numbers[:], dtype=np.int64) for numbers in (synapses.i, synapses.j))
    return i + synapses.source.start, j + synapses.target.start


def read_synapses(
    synapses: Any,
    names: Mapping[str, str],
    dt: float,
    outer: Mapping[str, Any],
    first: Mapping[str, int],
) -> Iterator[tuple[Projection, dict[str, Any]]]:
    """Yield a projection for each line of ``on_pre``, and the origin of its weights.

    Parameters
    ----------
    synapses : brian2.Synapses
        Synapses between groups of the network.
    names : mapping of str to str
        Name of the population (or of the input) by the name of its group.
    dt : float
        Time step of the network, in seconds.
    outer : mapping
        Constants that the namespace of the synapses does not have.
    first : mapping of str to int
        The first input neuron of each external source, by the name of its group.

    Raises
    ------
    InputError
        If they do anything but add weights.
    """
    lines = additions(synapses, outer)
    source, target = _populations(synapses, names)
    offset = first.get(_whole(synapses.source).name, 0)
    i, j = ends(synapses)
    several = len({line.pathway for line in lines}) > 1
    for line in lines:
        label = [synapses.name, *([line.pathway.objname] if several else [])]
        label += [line.receive] if len(lines) > 1 else []
        delay, delays = _delays(synapses, line, dt)
        projection = Projection(
            source,
            target,
            _weight(synapses, line),
            connection=Sparse(i + offset, j, delays),
            receive=line.receive,
            delay=delay,
            label="_".join(label),
        )
        origin = {"synapses": synapses.name, "variable": line.variable, "factor": line.factor}
        yield projection, {**origin, "first": offset}


def _whole(group: Any) -> Any:
    return group.source if isinstance(group, Subgroup) else group


def _populations(synapses: Any, names: Mapping[str, str]) -> tuple[str, str]:
    """Return the names of the source and of the target population."""
    what, found = f"synapses '{synapses.name}'", []
    for role, group in (("source", synapses.source), ("target", synapses.target)):
        whole = _whole(group)
        if whole.name not in names:
            raise InputError(
                f"{what}: its {role} '{whole.name}' is not a group of the network; add it"
            )
        found.append(names[whole.name])
    if found[1] == INPUT:
        raise InputError(f"{what} leads to the input, whose spikes are given; remove it")
    return found[0], found[1]


def _weight(synapses: Any, line: Addition) -> np.ndarray:
    """Return the weight of each synapse, in SI units."""
    if not line.variable:
        return np.full(len(synapses), line.factor)
    return np.array(synapses.variables[line.variable].get_value()) * line.factor


def _delays(synapses: Any, line: Addition, dt: float) -> tuple[float, np.ndarray | None]:
    """Return the delay of a pathway in seconds, rounded to steps as Brian2 does.

    Returns
    -------
    delay : float
        The delay that all synapses have; 0 if they differ.
    delays : numpy.ndarray or None, shape (synapses,)
        The delay of each synapse; None if all have the same.
    """
    what, pathway = f"synapses '{synapses.name}'", line.pathway
    if pathway.clock.dt_ != dt:
        raise InputError(
            f"{what} has a time step of {pathway.clock.dt_ * 1e3:g} ms, but its groups have "
            f"{dt * 1e3:g} ms; give all the same clock"
        )
    steps = np.round(pathway.variables["delay"].get_value() / dt)
    if not len(steps) or np.all(steps == steps[0]):
        return float(steps[0] * dt) if len(steps) else 0.0, None
    return 0.0, steps * dt
