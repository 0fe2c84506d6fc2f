"""Build a Brian2 network from a spiking network: the reference path.

Ordinary `NeuronGroup` and `Synapses`, as a Brian2 user would write them. B samples are presented
at once by replication: a population of n neurons is a group of B*n, sample after sample, and a
projection connects each sample's neurons with its own. Slow, plain, the judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

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

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, Projection, Schedule, SpikingNetwork
from brianbridge.network.connections import SynapseTable
from brianbridge.neurons.crossing import CrossingFinder, crossing_finder
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.quantities import unit_name
from brianbridge.simulation.input_timing import Timing
from brianbridge.simulation.reference.delayed_values import Relay, relay_of
from brianbridge.simulation.schedule import put_in_order

__all__ = ["BuiltNetwork", "build", "checked_schedule", "steps_per_coarse_step"]


@dataclass(frozen=True)
class BuiltNetwork:
    """Hold the Brian2 objects of a network, each by the name of its population.

    Parameters
    ----------
    brian2 : brian2.Network
        Everything, ready to run.
    groups : mapping of str to brian2.NeuronGroup
        Each of ``batch*size`` neurons, sample after sample.
    synapses : mapping of str to brian2.Synapses
        By projection name.
    spikes : mapping of str to brian2.SpikeMonitor
        Of the populations that fire.
    traces : mapping of str to brian2.StateMonitor
        Of the populations that have a variable to record.
    starts : mapping of str to (CrossingFinder, brian2.StateMonitor)
        Of the populations whose crossing times are wanted and known: the finder, and what it
        needs of the start of each step.
    failing : tuple of (brian2.Synapses, SynapseTable, int)
        The synapses at which spikes fail to arrive, those of one sample as a table, and the key
        of their `Failure`.
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
    """Return how many steps of `dt` (seconds) make one of the twin's.

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
    """Return the schedule to run a network with: its own if none is given."""
    if schedule is None:
        return network.schedule
    if schedule not in get_args(Schedule):
        raise InputError(
            f"there is no schedule '{schedule}'. {did_you_mean(schedule, get_args(Schedule))}"
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
        State variables to record, at the end of each step, wherever they exist.
    schedule : {"canonical", "default"}, optional
        In which order things happen within a step; the network's own if not given.
    crossing : bool
        Whether to record what crossing times need.
    poisson : bool
        Whether the input group is a `PoissonGroup`, whose ``rates`` are to be set.
    timing : {"start", "uniform"}
        Whether input spikes fall on the start of their coarse step, or where ``place`` says.

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
    # Names appear in compiled code: with the same ones it is found again for the next network.
    clock = Clock(dt=dt * second, name="simulation_clock")
    groups: dict[str, NeuronGroup] = {}
    synapses: dict[str, Synapses] = {}
    if any(network.delivers_spikes(p) and p.source == INPUT for p in network.projections):
        groups[INPUT] = _input_group(network, batch, clock, poisson, timing)
    for population in network.populations:
        groups[population.name] = population.neuron.group(
            batch * population.size,
            fires=network.fires(population.name),
            clock=clock,
            name=population.name,
        )
    relays: dict[tuple[str, int], Relay] = {}
    failing = []
    into: dict[str, list[Synapses]] = {name: [] for name in groups}
    for projection in network.projections:
        if not network.delivers_spikes(projection):
            continue
        # Where spikes are read before their source has emitted, they are of the step before.
        early = 1 if projection.feedback and schedule == "canonical" else 0
        graded = SPIKE_VALUE in groups[projection.source].variables
        for part in _by_delay(network, projection, dt, graded):
            if not len(part.table.weight):
                continue  # Brian2 cannot connect nothing
            source, steps = groups[projection.source], part.steps - early
            if graded and steps > 0:
                key = projection.source, part.steps
                if key not in relays:
                    relays[key] = relay_of(source, part.steps, clock)
                source, steps = relays[key].group, 0
            built = _synapses(network, projection, part, source, groups, batch, clock)
            if part.delays is not None:
                built.pre.delay = (steps * dt + np.tile(part.delays, batch)) * second
            elif steps:
                built.pre.delay = steps * dt * second
            synapses[part.name] = built
            into[projection.target].append(built)
            if projection.failure is not None:
                failing.append((built, part.table, projection.failure.key))
    if schedule == "canonical":
        for position, (name, group) in enumerate(groups.items(), start=INPUT not in groups):
            mine = [relay for (source_name, _), relay in relays.items() if source_name == name]
            put_in_order(position, group, into[name], mine)
    spikes = {
        p.name: SpikeMonitor(
            groups[p.name],
            variables=() if p.neuron.is_binary else (SPIKE_VALUE,),
            when="after_resets",
            name=f"{p.name}_spikes",
        )
        for p in network.firing
    }
    traces = {}
    for population in network.populations:
        variables = [v for v in record if v in population.neuron.state_variables]
        if variables:
            traces[population.name] = StateMonitor(
                groups[population.name], variables, record=True, when="end", clock=clock,
                name=f"{population.name}_traces",
            )  # fmt: skip
    starts = {}
    for population in network.firing if crossing else ():
        finder = crossing_finder(population.neuron, population.size, dt)
        if finder is not None:
            starts[population.name] = finder, StateMonitor(
                groups[population.name], finder.variables, record=True, when="start",
                clock=clock, name=f"{population.name}_starts",
            )  # fmt: skip
    monitors = (*spikes.values(), *traces.values(), *(monitor for _, monitor in starts.values()))
    helpers = [part for relay in relays.values() for part in (relay.group, relay.inlet)]
    parts = (*groups.values(), *synapses.values(), *helpers, *monitors)
    return BuiltNetwork(
        Network(*parts), groups, synapses, spikes, traces, starts, tuple(failing), batch
    )


def _input_group(
    network: SpikingNetwork, batch: int, clock: Clock, poisson: bool, timing: Timing
) -> NeuronGroup:
    """Return the group that replays ``raster``, in a fine step of each coarse one."""
    if poisson:
        inputs = batch * int(np.prod(network.shape_of(INPUT)))
        return PoissonGroup(inputs, np.zeros(inputs) * hertz, clock=clock, name=INPUT)
    group = NeuronGroup(
        batch * int(np.prod(network.shape_of(INPUT))),
        f"{SPIKE_VALUE} : 1",
        threshold=f"{SPIKE_VALUE} != 0",
        reset="",
        clock=clock,
        name=INPUT,
        namespace={"coarse": steps_per_coarse_step(network, float(clock.dt_))},
    )
    place = "0" if timing == "start" else "place(t, i)"
    group.run_regularly(
        f"{SPIKE_VALUE} = raster(t, i)*int(timestep(t, dt) % coarse == {place})", when="start"
    )
    return group


class _Part(NamedTuple):
    """Hold synapses of a projection that one Brian2 object can deliver."""

    name: str
    table: SynapseTable
    steps: int
    delays: np.ndarray | None


def _by_delay(
    network: SpikingNetwork, projection: Projection, dt: float, graded: bool
) -> list[_Part]:
    """Return all synapses together; those of graded spikes with delays of their own by delay."""
    table = projection.synapses(
        network.shape_of(projection.source), network.shape_of(projection.target)
    )
    steps, connection = network.delay_steps(projection, dt), projection.connection
    if connection.delays is None:
        return [_Part(projection.name, table, steps, None)]
    ends = network.shape_of(projection.source), network.shape_of(projection.target)
    delays = connection.delays[connection.pairs(projection.weight.shape, *ends).order]
    if not graded:
        return [_Part(projection.name, table, steps, delays)]
    number = np.rint(delays / dt).astype(np.int64)
    return [
        _Part(
            f"{projection.name}_after_{own}",
            SynapseTable(*(column[number == own] for column in table)),
            steps + int(own),
            None,
        )
        for own in np.unique(number)
    ]


def _synapses(
    network: SpikingNetwork,
    projection: Projection,
    part: _Part,
    source: NeuronGroup,
    groups: Mapping[str, NeuronGroup],
    batch: int,
    clock: Clock,
) -> Synapses:
    """Connect each sample's neurons with its own, and set the weights."""
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
    # Arrays, not a generator expression, which NumPy would run source by source.
    synapses.connect(
        i=(sample * (source.N // batch) + table.source).ravel(),
        j=(sample * (target.N // batch) + table.target).ravel(),
    )
    synapses.variables["weight"].set_value(np.tile(table.weight, batch))
    return synapses
