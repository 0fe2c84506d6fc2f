"""The synapses of the reference path: projections as plain Brian2 `Synapses`.

A projection connects each sample's neurons with the neurons of the same sample, by all of its
listed synapses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses, second

from brianbridge.network import Projection, SpikingNetwork
from brianbridge.network.connections import SynapseTable
from brianbridge.network.synapses import build_synapses
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.quantities import unit_name
from brianbridge.simulation.reference.delayed_values import DelayLine, delay_line

__all__ = ["Wiring", "connect"]


@dataclass(frozen=True)
class Wiring:
    """Hold everything that carries spikes between groups.

    Parameters
    ----------
    synapses : mapping of str to brian2.Synapses
        All synapses by the name of their projection.
    delay_lines : mapping of (str, int) to DelayLine
        Delay lines of graded spikes, by the population and the number of steps.
    failing : list of (brian2.Synapses, SynapseTable, int)
        The synapses at which spikes may fail, the table of the synapses of one sample, and the
        key of their `Failure`.
    into : mapping of str to list of brian2.Synapses
        The synapses that lead to each population.
    """

    synapses: dict[str, Synapses] = field(default_factory=dict)
    delay_lines: dict[tuple[str, int], DelayLine] = field(default_factory=dict)
    failing: list[tuple[Synapses, SynapseTable, int]] = field(default_factory=list)
    into: dict[str, list[Synapses]] = field(default_factory=dict)


def connect(
    network: SpikingNetwork,
    groups: Mapping[str, NeuronGroup],
    batch: int,
    clock: Clock,
    schedule: str,
) -> Wiring:
    """Connect the groups of all populations.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with weights.
    groups : mapping of str to brian2.NeuronGroup
        Groups by the name of their population, including the input's.
    batch : int
        Samples presented at once.
    clock : brian2.Clock
        The clock of the simulation.
    schedule : {"canonical", "default"}
        The order of operations within a step.
    """
    wiring = Wiring(into={name: [] for name in groups})
    for projection in network.projections:
        if projection.model is not None:
            wiring.synapses[projection.name] = _modelled(network, projection, groups, batch, clock)
        elif network.delivers_spikes(projection):
            # If spikes are read before their source emits, they are those of the previous step.
            early = 1 if projection.feedback and schedule == "canonical" else 0
            _connect(network, projection, groups, batch, clock, early, wiring)
    return wiring


def _connect(
    network: SpikingNetwork, projection: Projection, groups: Mapping[str, NeuronGroup], batch: int,
    clock: Clock, early: int, wiring: Wiring,
) -> None:  # fmt: skip
    """Add the synapses of a projection, which deliver `early` steps before its delay."""
    dt = float(clock.dt_)
    graded = SPIKE_VALUE in groups[projection.source].variables
    for part in _parts(network, projection, dt, graded):
        if not len(part.table.weight):
            continue  # Brian2 cannot connect empty arrays
        source, steps = groups[projection.source], part.steps - early
        if graded and steps > 0:
            key = projection.source, part.steps
            if key not in wiring.delay_lines:
                wiring.delay_lines[key] = delay_line(source, part.steps, clock)
            source, steps = wiring.delay_lines[key].group, 0
        built = _synapses(network, projection, part, source, groups, batch, clock)
        if part.delays is not None:
            built.pre.delay = (steps * dt + np.tile(part.delays, batch)) * second
        elif steps:
            built.pre.delay = steps * dt * second
        wiring.synapses[part.name] = built
        wiring.into[projection.target].append(built)
        if projection.failure is not None:
            wiring.failing.append((built, part.table, projection.failure.key))


class _Part(NamedTuple):
    """Hold synapses of a projection that one Brian2 object can deliver."""

    name: str
    table: SynapseTable
    steps: int
    delays: np.ndarray | None


def _parts(
    network: SpikingNetwork, projection: Projection, dt: float, graded: bool
) -> Iterator[_Part]:
    """Yield all synapses as one part; graded ones with a delay each, one part for each delay."""
    ends = network.shape_of(projection.source), network.shape_of(projection.target)
    table, steps = projection.synapses(*ends), network.delay_steps(projection, dt)
    delays = projection.connection.delays
    if delays is not None:
        delays = delays[projection.connection.pairs(projection.weight.shape, *ends).order]
    if delays is None or not graded:
        yield _Part(projection.name, table, steps, delays)
        return
    number = np.rint(delays / dt).astype(np.int64)
    for extra in np.unique(number):
        chosen = SynapseTable(*(column[number == extra] for column in table))
        yield _Part(f"{projection.name}_after_{extra}", chosen, steps + int(extra), None)


def _synapses(
    network: SpikingNetwork,
    projection: Projection,
    part: _Part,
    source: NeuronGroup,
    groups: Mapping[str, NeuronGroup],
    batch: int,
    clock: Clock,
) -> Synapses:
    """Return synapses within each sample, with their weights."""
    target, table = groups[projection.target], part.table
    receive = network.receive_of(projection)
    graded = SPIKE_VALUE in source.variables
    added = "weight" + (f"*{SPIKE_VALUE}_pre" if graded else "")
    if projection.failure is not None:
        added += f"*int(rand() >= {projection.failure.probability!r})"
    synapses = Synapses(
        source,
        target,
        f"weight : {unit_name(target.variables[receive].dim)}",
        on_pre=f"{receive}_post += {added}",
        clock=clock,
        name=part.name,
    )
    sample = np.arange(batch)[:, None]
    # Arrays: Brian2's NumPy target would run a generator expression source by source.
    synapses.connect(
        i=(sample * (source.N // batch) + table.source).ravel(),
        j=(sample * (target.N // batch) + table.target).ravel(),
    )
    synapses.variables["weight"].set_value(np.tile(table.weight, batch))
    return synapses


def _modelled(
    network: SpikingNetwork,
    projection: Projection,
    groups: Mapping[str, NeuronGroup],
    batch: int,
    clock: Clock,
) -> Synapses:
    """Return synapses with the equations and the code of their model, in their initial state."""
    model = projection.model
    assert model is not None
    source, target = groups[projection.source], groups[projection.target]
    pairs = projection.connection.pairs(
        projection.weight.shape, network.shape_of(projection.source),
        network.shape_of(projection.target),
    )  # fmt: skip
    synapses = build_synapses(model, source, target, clock=clock, name=projection.name)
    sample = np.arange(batch)[:, None]
    if len(pairs.source):
        synapses.connect(
            i=(sample * (source.N // batch) + pairs.source).ravel(),
            j=(sample * (target.N // batch) + pairs.target).ravel(),
        )
    else:
        synapses.connect(condition="False")
    values = {**model.initial}
    if model.trained:
        values[model.trained] = projection.weight.ravel().astype(np.float64)
        if model.trained not in model.shared:
            values[model.trained] = values[model.trained][pairs.element]
    for name, given in values.items():
        if name in model.shared:
            synapses.variables[name].set_value(given[0])
        else:
            each = np.broadcast_to(given, pairs.source.shape)
            synapses.variables[name].set_value(np.tile(each, batch))
    for pathway in model.pathways:
        delay = np.tile(np.broadcast_to(pathway.delay, pairs.source.shape), batch)
        getattr(synapses, pathway.name).delay = delay * second
    return synapses
