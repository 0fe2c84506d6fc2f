"""Run a spiking network in Brian2 by the reference path: plain `NeuronGroup` and `Synapses`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import TimedArray, second

from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.recording import Events, Recording
from brianbridge.simulation.arithmetic import little_garbage, strict_arithmetic
from brianbridge.simulation.drive import Drives
from brianbridge.simulation.memory import fitting_batch
from brianbridge.simulation.random.code_objects import (
    Presentation,
    draw_by_counter,
    fates_by_counter,
)
from brianbridge.simulation.recorder import StateWatch, not_a_number
from brianbridge.simulation.reference.builder import BuiltNetwork, build
from brianbridge.simulation.request import Request

__all__ = ["SYNAPSE", "chunk_of", "input_arrays", "padded_drives", "run_reference"]

#: Bytes that Brian2 needs for a synapse while it connects and runs.
SYNAPSE = 60


def run_reference(request: Request, *, batch_size: int | None = None) -> Recording:
    """Simulate by the reference path; every sample of a chunk has synapses of its own.

    Parameters
    ----------
    request : Request
        What to simulate and record.
    batch_size : int, optional
        Samples in a chunk; as many as memory allows if not given.
    """
    network, number = request.network, len(request.numbers)
    batch = batch_size or fitting_batch(network, synapse_bytes=SYNAPSE, traced=request.traced)
    batch = min(number, batch)
    parts = []
    with strict_arithmetic(), little_garbage():
        built = build(
            network, batch, dt=request.dt, record=request.variables, schedule=request.schedule,
            crossing=request.crossing, poisson=request.poisson, timing=request.timing,
        )  # fmt: skip
        now = Presentation(next(iter(built.groups.values())).clock, request.steps)
        draw_by_counter(built.groups, request.seed, batch, now)
        fates_by_counter(built.failing, batch, now)
        drives = Drives(network)
        built.brian2.store("start")
        for low in range(0, number, batch):
            now.begin(request.numbers[low : low + batch], batch)
            part = _present(request, built, drives, low)
            parts.append(request.hand_on(part))
    return Recording.concatenate(parts)


def _present(request: Request, built: BuiltNetwork, drives: Drives, low: int) -> Recording:
    """Run one presentation of the samples from number `low` on, from the initial state."""
    encoded = request.encode(low, low + built.batch)
    _run(request, built, drives, encoded, low)
    if found := not_a_number(request.network, built.groups, encoded.samples):
        # Once more, to find where NaN began.
        for population in request.network.populations:
            group = built.groups[population.name]
            built.brian2.add(StateWatch(group, population.neuron.recordable_variables, group.clock))
        _run(request, built, drives, encoded, low)
        raise InputError(found)
    return chunk_of(request, built, encoded.samples)


def _run(
    request: Request, built: BuiltNetwork, drives: Drives, encoded: EncodedInput, low: int
) -> None:
    network = request.network
    built.brian2.restore("start")
    given = drives(encoded.current, encoded.samples)
    for name, values in padded_drives(given, built.batch).items():
        drive = network.population(name).neuron.drive
        built.groups[name].variables[drive].set_value(values)
    namespace: dict[str, Any] = {}
    if request.poisson:
        rates = padded_drives({INPUT: request.rates(low, low + encoded.samples)}, built.batch)
        built.groups[INPUT].variables["rates"].set_value(rates[INPUT])
    elif INPUT in built.groups:
        for name, values in input_arrays(request, built.batch, encoded, low).items():
            # A fixed name: Brian2's compiled code is found again for the next batch.
            namespace[name] = TimedArray(values, dt=network.dt * second, name=f"input_{name}")
    length = request.steps * request.dt * second
    reporting = request.reporting(encoded.samples)
    built.brian2.run(length, namespace=namespace, **reporting)


def padded_drives(drives: Mapping[str, np.ndarray], batch: int) -> dict[str, np.ndarray]:
    """Return the drive of every neuron, flat; it is 0 for samples that are missing."""
    padded = {}
    for name, values in drives.items():
        padded[name] = np.zeros((batch, values.shape[1]))
        padded[name][: len(values)] = values
    return {name: values.ravel() for name, values in padded.items()}


def chunk_of(request: Request, built: BuiltNetwork, samples: int) -> Recording:
    """Return the recording of the first `samples` samples of a run that is over."""
    network = request.network
    events = {name: _events(request, built, name, samples) for name in built.spikes}
    traces = _traces(network, built, samples)
    return request.recording(built.groups, built.batch, samples, events, traces)


def input_arrays(
    request: Request, batch: int, encoded: EncodedInput, low: int
) -> dict[str, np.ndarray]:
    """Return the arrays that the input group reads, ``(steps, batch*inputs)``, as float64.

    ``raster`` holds the spike values. ``fine_step``, unless all spikes occur in the first, is the
    fine step of the coarse step in which they occur. Both are 0 for samples that are missing.
    """
    assert encoded.raster is not None
    given = {"raster": encoded.raster, "fine_step": request.fine_steps(encoded, low)}
    arrays = {}
    for name, values in given.items():
        if values is not None:
            arrays[name] = np.zeros((len(values), values[0, 0].size * batch))
            flat = values.reshape(len(values), -1)
            arrays[name][:, : flat.shape[1]] = flat
    return arrays


def _events(request: Request, built: BuiltNetwork, name: str, samples: int) -> Events:
    population = request.network.population(name)
    monitor = built.spikes[name]
    neuron = np.asarray(monitor.i[:], dtype=np.int64)
    step = np.rint(np.asarray(monitor.t_[:]) / request.dt).astype(np.int64)
    kept = neuron < samples * population.size
    neuron, step = neuron[kept], step[kept]
    sample, node = np.divmod(neuron, population.size)
    graded = not population.neuron.is_binary
    value = np.asarray(getattr(monitor, SPIKE_VALUE)[:])[kept] if graded else np.ones(len(step))
    crossing = np.full(len(step), np.nan) if request.crossing else None
    if name in built.starts:
        finder, start = built.starts[name]
        before = {v: np.array(getattr(start, f"{v}_"))[neuron, step] for v in finder.variables}
        crossing = step * request.dt + finder(before, node)
    return Events(sample, node, step, value, request.dt, crossing)


def _traces(
    network: SpikingNetwork, built: BuiltNetwork, samples: int
) -> dict[str, dict[str, np.ndarray]]:
    traces: dict[str, dict[str, np.ndarray]] = {p.name: {} for p in network.populations}
    for name, monitor in built.traces.items():
        shape = (-1, built.batch, *network.population(name).shape)
        for variable in monitor.record_variables:
            # The first axis is the neuron in Brian2's monitors, and time in a recording. Copy,
            # because the monitor reuses its memory for the next batch.
            values = np.array(getattr(monitor, f"{variable}_")).T.reshape(shape)
            traces[name][variable] = values[:, :samples]
    return traces
