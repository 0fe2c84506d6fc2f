"""The ways to the same spikes that `brianbridge bench simulate` compares; each returns its time.

All get the same encoded input, and none is charged for encoding. Building Brian2 objects counts
where it is part of every simulation (batched, replicated reference), compiling never does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..encoding import EncodedInput
from ..network import INPUT, SpikingNetwork
from ..recording import Events, Recording
from ..simulation import kernels
from ..simulation.delivery import delivery
from ..simulation.memory import fitting_batch
from ..simulation.presenter import padded
from ..simulation.simulate import simulate
from ..surrogate.network import to_torch
from .long_run import run_long

__all__ = ["CONTESTANTS", "Outcome", "first"]


@dataclass(frozen=True)
class Outcome:
    """Hold what a contestant took, and its spikes if it has any.

    Parameters
    ----------
    seconds : float
        Wall time.
    samples : int
        How many samples it was given.
    events : mapping of str to Events
        Its spikes.
    """

    seconds: float
    samples: int
    events: dict[str, Events]


Contestant = Callable[[SpikingNetwork, EncodedInput, float], Outcome]


def first(encoded: EncodedInput, samples: int) -> EncodedInput:
    """Return the first so many samples of an encoded batch."""
    current, raster = encoded.current, encoded.raster
    return EncodedInput(
        None if current is None else current[:samples],
        None if raster is None else raster[:, :samples],
    )


def _simulated(**options: Any) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        simulate(network, first(encoded, 2), dt=dt, **options)  # compiles
        started = time.perf_counter()
        recording = simulate(network, encoded, dt=dt, **options)
        seconds = time.perf_counter() - started
        return Outcome(seconds, encoded.samples, dict(recording.all_events))

    return run


def _batched(dtype: Any) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        # As whole chunks run it, so that what is compiled is what is timed.
        simulate(network, first(encoded, 2 * fitting_batch(network)), dt=dt, dtype=dtype)
        started = time.perf_counter()
        recording = simulate(network, encoded, dt=dt, dtype=dtype)
        seconds = time.perf_counter() - started
        events = dict(recording.all_events) if dtype is np.float64 else {}
        return Outcome(seconds, encoded.samples, events)

    return run


def _long(standalone: bool) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        outcome = run_long(network, encoded, dt, standalone=standalone)
        return Outcome(outcome.seconds, encoded.samples, outcome.events)

    return run


def _twin(dtype: torch.dtype) -> Contestant:
    def run(network: SpikingNetwork, encoded: EncodedInput, dt: float) -> Outcome:
        """Run the twin's forward pass, at its own step whatever `dt`."""
        twin = to_torch(network, dtype=dtype)
        events: list[Recording] = []
        seconds = 0.0
        for low in range(0, encoded.samples, 500):
            current, raster = encoded.current, encoded.raster
            part = EncodedInput(
                None if current is None else current[low : low + 500],
                None if raster is None else raster[:, low : low + 500],
            )
            with torch.no_grad():
                inputs = twin.as_tensors(part)
                if low == 0:
                    twin.run(*inputs)
                started = time.perf_counter()
                activity = twin.run(*inputs)
                seconds += time.perf_counter() - started
            if dtype is torch.float64:
                events.append(twin._recording(activity))
        found = dict(Recording.concatenate(events).all_events) if events else {}
        return Outcome(seconds, encoded.samples, found)

    return run


def kernel(network: SpikingNetwork, encoded: EncodedInput, recording: Recording) -> float:
    """Return the seconds that adding the weights of all spikes takes, and nothing else.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    encoded : EncodedInput
        Its input.
    recording : Recording
        Its spikes, at the surrogate's step.
    """
    batch = min(fitting_batch(network), encoded.samples)
    ways = {
        p.name: delivery(p, network.shape_of(p.source), network.shape_of(p.target))
        for p in network.projections
        if network.delivers_spikes(p)
    }
    seconds, warm = 0.0, False
    for low in range(0, encoded.samples - encoded.samples % batch, batch):
        lists = {name: _lists(recording, name, low, batch) for name in recording.shapes}
        if encoded.raster is not None:
            raster = padded(EncodedInput(raster=encoded.raster[:, low : low + batch]), batch)
            lists[INPUT] = [_from_dense(step) for step in raster]
        targets = {p.name: np.zeros((batch, p.size)) for p in network.populations}
        for timed in (True,) if warm else (False, True):
            started = time.perf_counter()
            for step in range(network.steps):
                for p in network.projections:
                    if p.name in ways:
                        ways[p.name].add(targets[p.target], lists[p.source][step])
            seconds += (time.perf_counter() - started) * timed
        warm = True
    return seconds * encoded.samples / (encoded.samples - encoded.samples % batch)


def _from_dense(raster: np.ndarray) -> kernels.SpikeList:
    flat = raster.reshape(len(raster), -1)
    return kernels.SpikeList(*kernels.from_dense(flat, np.empty(0), bool(flat.max() > 1)))


def _lists(recording: Recording, name: str, low: int, batch: int) -> list[kernels.SpikeList]:
    """Return the spikes of some samples, step by step."""
    neurons = int(np.prod(recording.shapes[name]))
    raster = recording.events(name).of_samples(low, low + batch)
    return [_from_dense(step) for step in raster.to_raster(recording.steps, batch, neurons)]


#: Name, what is measured, and how many samples at most at dt = 1, 0.1 and 0.01 ms (slow ones are
#: measured on fewer, and scaled).
CONTESTANTS: dict[str, tuple[Contestant, tuple[int, int, int]]] = {
    "batched": (_batched(np.float64), (10**6,) * 3),
    "batched, float32": (_batched(np.float32), (10**6,) * 3),
    "twin's forward, float64": (_twin(torch.float64), (10**6, 0, 0)),
    "twin's forward, float32": (_twin(torch.float32), (10**6, 0, 0)),
    "reference, replicated": (_simulated(path="reference"), (200, 100, 20)),
    "Synapses in one long run, Cython": (_long(False), (10**6, 2000, 100)),
    "Synapses in one long run, C++ standalone": (_long(True), (10**6, 10**6, 1000)),
}
