"""Build the Brian2 network of the batched path.

The neurons of B samples are one ordinary `NeuronGroup`, stepped, thresholded and reset by Brian2
from its equations. Projections are `BatchedProjection` objects that hold the weights once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Network, PoissonGroup, hertz, second
from brian2.utils.stringtools import get_identifiers

from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.simulation.batched.delivery import Delivery, delivery
from brianbridge.simulation.batched.failure import UnreliableDelivery, UnreliableProjection
from brianbridge.simulation.batched.input_source import InputSource
from brianbridge.simulation.batched.loops import run_as_loops
from brianbridge.simulation.batched.presentation import BatchedNetwork
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.random.code_objects import Presentation, draw_by_counter
from brianbridge.simulation.recorder import SpikeRecorder, StateWatch, TraceRecorder
from brianbridge.simulation.request import Request
from brianbridge.simulation.schedule import position_in_order, put_in_order

__all__ = ["PREPARING", "SMALL", "assembled", "deliveries"]

#: Groups with fewer neurons are not worth compiling loops for.
SMALL = 20_000
#: Number of neurons times steps from which loops are worth compiling for a network that was read
#: from Brian2: its own run would compile as much.
_WORTH = 2_000_000
#: Brian2 prepares one run at a time: it was not made to generate code in several threads.
PREPARING = threading.RLock()


class _Network(Network):
    def before_run(self, run_namespace: Any) -> None:
        with PREPARING:
            super().before_run(run_namespace)


def deliveries(network: SpikingNetwork, dtype: np.dtype) -> dict[str, Delivery]:
    """Return the delivery of each projection that carries spikes, ready for all threads."""
    ways = {}
    for projection in network.projections:
        if network.delivers_spikes(projection):
            ends = network.shape_of(projection.source), network.shape_of(projection.target)
            make = delivery if projection.failure is None else UnreliableDelivery
            ways[projection.name] = make(projection, *ends, dtype.type)
            ways[projection.name].prepare()
    return ways


def assembled(
    request: Request,
    batch: int,
    dtype: np.dtype,
    ways: Mapping[str, Delivery],
    *,
    watch: bool = False,
) -> tuple[BatchedNetwork, Clock]:
    """Return the Brian2 objects of a simulation, and their clock.

    Parameters
    ----------
    request : Request
        What to simulate and record.
    batch : int
        Samples in a chunk.
    dtype : numpy.dtype
        Type of state and weights.
    ways : mapping of str to Delivery
        The result of `deliveries`.
    watch : bool
        Whether to look for NaN after every step.
    """
    network = request.network
    clock = Clock(dt=request.dt * second, name="simulation_clock")
    source = _input_source(request, batch, dtype, clock)
    groups = _groups(request, batch, dtype, clock)
    now = Presentation(clock, request.steps)
    draw_by_counter(groups, request.seed, batch, now)
    if isinstance(source, PoissonGroup):
        draw_by_counter({INPUT: source}, request.seed, batch, now)
    projections = _projections(request, batch, ways, {INPUT: source, **groups})
    if request.schedule == "canonical":
        _put_in_order(groups, projections)
    spikes = {
        p.name: SpikeRecorder(groups[p.name], p.neuron, batch, request, clock)
        for p in network.firing
    }
    traces = {
        p.name: TraceRecorder(groups[p.name], variables, p.shape, batch, request.steps, clock)
        for p in network.populations
        if (variables := request.variables_of(p))
    }
    watches = [
        StateWatch(groups[p.name], p.neuron.recordable_variables, clock)
        for p in network.populations
        if watch
    ]
    parts = [*groups.values(), *projections, *spikes.values(), *traces.values(), *watches]
    parts += [r.start for r in spikes.values() if r.start is not None]
    parts += [source] if source is not None else []
    brian2 = _Network(*parts)
    built = BatchedNetwork(brian2, groups, source, projections, spikes, traces, now, batch)
    return built, clock


def _input_source(request: Request, batch: int, dtype: np.dtype, clock: Clock) -> Any:
    """Return the object that emits the input spikes; None if there are none."""
    network = request.network
    if not any(network.delivers_spikes(p) and p.source == INPUT for p in network.projections):
        return None
    inputs = math.prod(network.shape_of(INPUT))
    if request.poisson:
        rates = np.zeros(inputs * batch) * hertz
        # Before all populations.
        return PoissonGroup(inputs * batch, rates, clock=clock, order=-1, name=INPUT)
    return InputSource(inputs, batch, request.coarse, dtype, clock=clock, when="start")


def _groups(request: Request, batch: int, dtype: np.dtype, clock: Clock) -> dict[str, Any]:
    """Return the group of each population; large ones run as compiled loops."""
    network, groups = request.network, {}
    steps = request.steps * -(-len(request.numbers) // batch)
    # Small groups share the loops of large ones with the same code.
    compiled = {_code(p) for p in network.populations if batch * p.size >= SMALL}
    for population in network.populations:
        group = population.neuron.group(
            batch * population.size,
            fires=network.fires(population.name),
            samples=batch,
            clock=clock,
            name=population.name,
        )
        worth = request.schedule == "default" and group.N * steps >= _WORTH
        if (_code(population) in compiled or worth) and dtype == np.float64:
            run_as_loops(group, _fixed(network, population))
        groups[population.name] = group
    return groups


def _code(population: Population) -> tuple[str, ...]:
    """Return the parts of the compiled loops of a population."""
    neuron = population.neuron
    return neuron.equations, neuron.emit, neuron.reset, neuron.method


def _fixed(network: SpikingNetwork, population: Population) -> tuple[str, ...]:
    """Return the variables that nothing changes: the drive of neurons without constant input."""
    neuron, incoming = population.neuron, network.incoming(population.name)
    changed = neuron.regular or neuron.events or neuron.drive in get_identifiers(neuron.reset)
    for projection in incoming:
        constant = projection.bias is not None or not network.delivers_spikes(projection)
        changed = changed or constant or network.receive_of(projection) == neuron.drive
    return () if changed or not neuron.drive else (neuron.drive,)


def _projections(
    request: Request, batch: int, ways: Mapping[str, Delivery], groups: Mapping[str, Any]
) -> tuple[BatchedProjection, ...]:
    network, canonical = request.network, request.schedule == "canonical"
    projections = []
    for projection in network.projections:
        if not network.delivers_spikes(projection):
            continue
        # Feedback reads its source before the source emits: the spikes of the previous step.
        early = 1 if projection.feedback and canonical else 0
        kind = BatchedProjection if projection.failure is None else UnreliableProjection
        projections.append(
            kind(
                groups[projection.source],
                groups[projection.target],
                ways[projection.name],
                receive=network.receive_of(projection),
                samples=batch,
                delay_steps=network.delay_steps(projection, request.dt) - early,
                name=projection.name,
            )
        )
    return tuple(projections)


def _put_in_order(groups: Mapping[str, Any], projections: tuple[BatchedProjection, ...]) -> None:
    """Let each population receive, emit and reset before the next one does."""
    positions = [INPUT, *groups]
    for name, group in groups.items():
        put_in_order(positions.index(name), group)
    for part in projections:
        part.when, part.order = position_in_order(positions.index(part.target.name))
