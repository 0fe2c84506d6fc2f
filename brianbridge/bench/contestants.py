"""The contestants of `brianbridge bench simulate`: ways to compute the same spikes.

All get the same encoded input; the time for encoding does not count. Building Brian2 objects counts
if it is part of every simulation (batched, replicated reference). Compiling never counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from brianbridge.bench.long_run import run_long
from brianbridge.encoding import EncodedInput
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.recording import Events, Recording
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.batched.delivery import delivery
from brianbridge.simulation.batched.spikes import SpikeList, from_dense
from brianbridge.simulation.memory import fitting_batch
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch
from brianbridge.twin.output import recording_of

__all__ = ["CONTESTANTS", "Outcome", "kernel"]


@dataclass(frozen=True)
class Outcome:
    """Hold the time of a contestant, and its spikes if it records them.

    Parameters
    ----------
    seconds : float
        Wall time.
    samples : int
        Number of samples.
    events : mapping of str to Events
        Spikes by population.
    """

    seconds: float
    samples: int
    events: dict[str, Events]


#: Work that takes longer than this is not repeated, in seconds.
_LONG = 8.0

Contestant = Callable[[SpikingNetwork, EncodedInput, float], Outcome]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median time of three calls (of one, if it is long) and the last outcome."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < _LONG:
        started = time.perf_counter()
        outcome = work()
        times.append(time.perf_counter() - started)
    return float(np.median(times)), outcome


def _simulated(backend: Backend) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        simulate(network, encoded.part(0, 2), dt=dt, backend=backend)  # compiles
        started = time.perf_counter()
        recording = simulate(network, encoded, dt=dt, backend=backend)
        seconds = time.perf_counter() - started
        return Outcome(seconds, encoded.samples, dict(recording.all_events))

    return run


def _batched(dtype: Any) -> Contestant:
    backend = Backend(dtype=dtype)

    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        # Compile what whole chunks need.
        simulate(network, encoded.part(0, 2 * fitting_batch(network)), dt=dt, backend=backend)

        def simulated() -> Recording:
            return simulate(network, encoded, dt=dt, backend=backend)

        seconds, recording = timed(simulated)
        events = dict(recording.all_events) if dtype is np.float64 else {}
        return Outcome(seconds, encoded.samples, events)

    return run


def _long(standalone: bool, one_clock: bool) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        outcome = run_long(network, encoded, dt, standalone=standalone, one_clock=one_clock)
        return Outcome(outcome.seconds, encoded.samples, outcome.events)

    return run


def _twin(dtype: torch.dtype) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        """Run the twin's forward pass, at its own step whatever `dt`."""
        twin = to_torch(network, dtype=dtype)
        inputs = [
            twin.as_tensors(encoded.part(low, low + 500)) for low in range(0, encoded.samples, 500)
        ]

        def forward() -> list[Any]:
            with torch.no_grad():
                return [twin.run(*part) for part in inputs]

        with torch.no_grad():
            twin.run(*inputs[0])
        seconds, outputs = timed(forward)
        if dtype is not torch.float64:
            return Outcome(seconds, encoded.samples, {})
        recording = Recording.concatenate([recording_of(network, a) for a in outputs])
        return Outcome(seconds, encoded.samples, dict(recording.all_events))

    return run


def kernel(network: SpikingNetwork, encoded: EncodedInput, recording: Recording) -> float:
    """Return the seconds that adding the weights of all spikes takes by itself.

    Threads share the samples, as in the batched path.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    encoded : EncodedInput
        Input of the network.
    recording : Recording
        Spikes of the network, at the twin's step.
    """
    batch = min(fitting_batch(network), encoded.samples)
    ways = {
        p.name: delivery(p, network.shape_of(p.source), network.shape_of(p.target))
        for p in network.projections
        if network.delivers_spikes(p)
    }
    for way in ways.values():
        way.prepare()
    chunks = []
    for low in range(0, encoded.samples, batch):
        samples = min(batch, encoded.samples - low)
        lists = {name: _lists(recording, name, low, samples) for name in recording.shapes}
        if encoded.raster is not None:
            lists[INPUT] = [_from_dense(step) for step in encoded.raster[:, low : low + samples]]
        targets = {p.name: np.zeros((samples, p.size)) for p in network.populations}
        chunks.append((lists, targets))

    def add(chunk: Any) -> None:
        lists, targets = chunk
        for step in range(network.steps):
            for p in network.projections:
                if p.name in ways:
                    ways[p.name].add(targets[p.target], lists[p.source][step])

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        add(chunks[0])  # compiles
        return timed(lambda: list(threads.map(add, chunks)))[0]


def _from_dense(raster: np.ndarray) -> SpikeList:
    flat = raster.reshape(len(raster), -1)
    return SpikeList(*from_dense(flat, np.empty(0), bool(flat.max() > 1)))


def _lists(recording: Recording, name: str, low: int, batch: int) -> list[SpikeList]:
    """Return the spikes of some samples, step by step."""
    neurons = int(np.prod(recording.shapes[name]))
    raster = recording.events(name).of_samples(low, low + batch)
    return [_from_dense(step) for step in raster.to_raster(recording.steps, batch, neurons)]


#: Contestants by name, each with the largest number of samples at dt = 1, 0.1 and 0.01 ms. Slow
#: ones are measured on fewer samples, and their times are scaled.
CONTESTANTS: dict[str, tuple[Contestant, tuple[int, int, int]]] = {
    "batched": (_batched(np.float64), (10**6,) * 3),
    "batched, float32": (_batched(np.float32), (10**6,) * 3),
    "twin's forward, float64": (_twin(torch.float64), (10**6, 0, 0)),
    "twin's forward, float32": (_twin(torch.float32), (10**6, 0, 0)),
    "reference, replicated": (_simulated(Backend(path="reference")), (200, 100, 20)),
    "Synapses in one long run, Cython": (_long(False, False), (10**6, 2000, 100)),
    "one long run on one clock, Cython": (_long(False, True), (10**6, 2000, 100)),
    "Synapses in one long run, C++ standalone": (_long(True, False), (10**6, 10**6, 1000)),
    "one long run on one clock, C++ standalone": (_long(True, True), (10**6, 10**6, 1000)),
}
