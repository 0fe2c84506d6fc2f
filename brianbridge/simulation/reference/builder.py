"""Build a Brian2 network from a spiking network: the reference path.

It consists of ordinary `NeuronGroup` and `Synapses`, as a Brian2 user would write them. B samples
are presented at once by replication: a population of n neurons is a group of B*n neurons, sample
after sample, and a projection connects each sample's neurons with neurons of the same sample. This
path is slow and plain; the others are tested against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from brian2 import (
    Clock,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    hertz,
    second,
)

from brianbridge.encoding.moments import Timing
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, Schedule, SpikingNetwork
from brianbridge.network.connections import SynapseTable
from brianbridge.neurons.crossing import CrossingFinder
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.simulation.reference.monitors import (
    spike_monitors,
    start_monitors,
    trace_monitors,
)
from brianbridge.simulation.reference.synapses import Wiring, connect
from brianbridge.simulation.schedule import put_in_order

__all__ = ["BuiltNetwork", "build", "checked_schedule", "steps_per_coarse_step"]


@dataclass(frozen=True)
class BuiltNetwork:
    """Hold the Brian2 objects of a network by the names of their populations.

    Parameters
    ----------
    brian2 : brian2.Network
        The network of all objects, ready to run.
    groups : mapping of str to brian2.NeuronGroup
        Group of each population: ``batch*size`` neurons, sample after sample.
    synapses : mapping of str to brian2.Synapses
        Synapses by the name of their projection.
    spikes : mapping of str to brian2.SpikeMonitor
        Monitors of the populations that fire.
    traces : mapping of str to brian2.StateMonitor
        Monitors of the populations that have a variable to record.
    starts : mapping of str to (CrossingFinder, brian2.StateMonitor)
        The finder of crossing times of a population, and the monitor of the state that it needs
        from the start of each step; only for populations whose crossing times can be computed.
    failing : tuple of (brian2.Synapses, SynapseTable, int)
        The synapses at which spikes may fail, the table of the synapses of one sample, and the
        key of their `Failure`.
    batch : int
        Samples presented at once.
    """

    brian2: Network
    groups: Mapping[str, NeuronGroup]
    synapses: Mapping[str, Synapses]
    spikes: Mapping[str, SpikeMonitor]
    traces: Mapping[str, StateMonitor]
    starts: Mapping[str, tuple[CrossingFinder, StateMonitor]]
    failing: tuple[tuple[Synapses, SynapseTable, int], ...]
    batch: int


def steps_per_coarse_step(network: SpikingNetwork, dt: float) -> int:
    """Return how many steps of `dt` (seconds) make one step of the twin.

    Raises
    ------
    InputError
        If `dt` does not divide the twin's step.
    """
    ratio = round(network.dt / dt) if dt > 0 else 0
    if ratio < 1 or not np.isclose(ratio * dt, network.dt, rtol=1e-9, atol=0):
        near = network.dt / max(1, ratio)
        raise InputError(
            f"dt = {dt * 1e3:g} ms does not divide the twin's step of "
            f"{network.dt * 1e3:g} ms; the nearest that does is {near * 1e3:.12g} ms"
        )
    return ratio


def checked_schedule(network: SpikingNetwork, schedule: str | None) -> str:
    """Return the schedule of a simulation; that of the network if none is given."""
    if schedule is None:
        return network.schedule
    if schedule not in get_args(Schedule):
        raise InputError(
            f"there is no schedule '{schedule}'. {did_you_mean(schedule, get_args(Schedule))}"
        )
    if schedule != network.schedule and network.modelled:
        raise InputError(
            f"schedule = '{schedule}', but the synapses of projection "
            f"'{network.modelled[0].name}' have a model, which runs in Brian2's order only; drop "
            "schedule"
        )
    return schedule


def build(
    network: SpikingNetwork,
    batch: int,
    *,
    dt: float,
    record: Sequence[str] = (),
    schedule: str | None = None,
    crossing: bool = False,
    poisson: bool = False,
    timing: Timing = "start",
) -> BuiltNetwork:
    """Build the reference path for `batch` samples at once.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with weights.
    batch : int
        Samples presented at once.
    dt : float
        Brian2's step, in seconds.
    record : sequence of str
        State variables to record at the end of each step, in all populations that have them.
    schedule : {"canonical", "default"}, optional
        Order of operations within a step; that of the network if not given.
    crossing : bool
        Whether to record the state that crossing times need.
    poisson : bool
        Whether the input group is a `PoissonGroup`, whose ``rates`` are to be set.
    timing : {"start", "uniform"}
        Whether input spikes occur at the start of their coarse step, or in ``fine_step`` of it.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, neuron_model("if"))], encoding=Current(5))
    >>> build(net, batch=2, dt=1e-3).groups["output"].N
    6
    """
    schedule = checked_schedule(network, schedule)
    # Fixed names appear in compiled code, which Brian2 then finds again for the next network.
    clock = Clock(dt=dt * second, name="simulation_clock")
    groups = _groups(network, batch, clock, poisson, timing)
    wiring = connect(network, groups, batch, clock, schedule)
    if schedule == "canonical":
        _put_in_order(groups, wiring)
    spikes = spike_monitors(network, groups)
    traces = trace_monitors(network, groups, record, clock)
    starts = start_monitors(network, groups, clock) if crossing else {}
    monitors = (*spikes.values(), *traces.values(), *(monitor for _, monitor in starts.values()))
    helpers = [part for line in wiring.delay_lines.values() for part in (line.group, line.inlet)]
    parts = (*groups.values(), *wiring.synapses.values(), *helpers, *monitors)
    failing = tuple(wiring.failing)
    return BuiltNetwork(
        Network(*parts), groups, wiring.synapses, spikes, traces, starts, failing, batch
    )


def _groups(
    network: SpikingNetwork, batch: int, clock: Clock, poisson: bool, timing: Timing
) -> dict[str, NeuronGroup]:
    """Return the groups of all populations, and of the input if it is made of spikes."""
    groups, ranks = {}, network.update_ranks
    if any(network.delivers_spikes(p) and p.source == INPUT for p in network.projections):
        groups[INPUT] = _input_group(network, batch, clock, poisson, timing)
    for population in network.populations:
        groups[population.name] = population.neuron.group(
            batch * population.size,
            fires=network.fires(population.name),
            samples=batch,
            clock=clock,
            name=population.name,
        )
        groups[population.name].state_updater.order = 2 * ranks[population.name]
    return groups


def _input_group(
    network: SpikingNetwork, batch: int, clock: Clock, poisson: bool, timing: Timing
) -> NeuronGroup:
    """Return the group that replays ``raster``, each row in one fine step of its coarse step."""
    if poisson:
        inputs = batch * math.prod(network.shape_of(INPUT))
        return PoissonGroup(inputs, np.zeros(inputs) * hertz, clock=clock, name=INPUT)
    group = NeuronGroup(
        batch * math.prod(network.shape_of(INPUT)),
        f"{SPIKE_VALUE} : 1",
        threshold=f"{SPIKE_VALUE} != 0",
        reset="",
        clock=clock,
        name=INPUT,
        namespace={"coarse": steps_per_coarse_step(network, float(clock.dt_))},
    )
    fine_step = "0" if timing == "start" else "fine_step(t, i)"
    group.run_regularly(
        f"{SPIKE_VALUE} = raster(t, i)*int(timestep(t, dt) % coarse == {fine_step})", when="start"
    )
    return group


def _put_in_order(groups: Mapping[str, NeuronGroup], wiring: Wiring) -> None:
    """Let each population receive, emit and reset before the next one does."""
    for position, (name, group) in enumerate(groups.items(), start=INPUT not in groups):
        lines = [line for (source, _), line in wiring.delay_lines.items() if source == name]
        put_in_order(position, group, wiring.into[name], lines)
