"""Run a spiking network in Brian2 by the batched path: whole test sets in one run.

`brianbridge.simulation.batched.assembly` builds the network. One run presents one chunk of samples
after another (`ChunkLoader`), as starting a run costs as much as a thousand samples. Threads share
the chunks (`brianbridge.simulation.batched.workers`); results do not depend on their number.

Spikes are those of the reference path; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2 import Clock, prefs, second
from threadpoolctl import threadpool_limits

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.network.split import split_by_delay
from brianbridge.recording import Events, Recording
from brianbridge.simulation.arithmetic import little_garbage, strict_arithmetic
from brianbridge.simulation.batched.assembly import PREPARING, assembled, deliveries
from brianbridge.simulation.batched.delivery import Delivery
from brianbridge.simulation.batched.presentation import BatchedNetwork, ChunkLoader
from brianbridge.simulation.batched.workers import shared_out, worthwhile_threads
from brianbridge.simulation.memory import fitting_batch
from brianbridge.simulation.recorder import not_a_number
from brianbridge.simulation.request import Request
from brianbridge.simulation.spike_stream import SpikeStream

__all__ = ["run_batched"]

#: Number of neurons times steps from which the spikes of a presentation go to their file piece by
#: piece; before, they are few enough to be kept until its end.
_LONG = 100_000_000


def run_batched(
    request: Request,
    *,
    batch_size: int | None = None,
    dtype: Any = np.float64,
    threads: int | None = None,
    watch: bool = False,
) -> Recording:
    """Simulate by the batched path.

    Parameters
    ----------
    request : Request
        What to simulate and record.
    batch_size : int, optional
        Samples in a chunk; chosen by memory and caches if not given.
    dtype : numpy.dtype
        Type of state and weights.
    threads : int, optional
        Number of threads that share the chunks; as many as are worth their set-up if not given.
    watch : bool
        Whether to look for NaN after every step, not only after every chunk.
    """
    request = replace(request, network=split_by_delay(request.network, request.dt))
    network, number = request.network, len(request.numbers)
    workers = threads or worthwhile_threads(network, request.steps * number)
    traced = request.traced
    if request.spikes is not None and request.steps * _neurons(network) > _LONG:
        workers = batch_size = 1  # the spikes of one sample leave before its end
    batch = batch_size or fitting_batch(network, traced=traced, chunks=workers, by_blocks=True)
    chunks = -(-number // min(number, batch))
    # As even as possible, so that no chunk is mostly padding and no thread waits for the others.
    if batch_size is None and number >= workers:
        chunks = -(-chunks // workers) * workers
    batch = -(-number // chunks)
    lows = range(0, number, batch)
    workers = min(workers, len(lows))
    with _settings(np.dtype(dtype)):
        ways = deliveries(network, np.dtype(dtype))
        plan = _Plan(request, batch, np.dtype(dtype), watch, ways)
        if workers == 1:
            parts: list[Recording] = []
            plan.run(lows, lambda part: parts.append(request.hand_on(part)))
        else:
            parts = [request.hand_on(part) for part in shared_out(plan.run, lows, workers)]
    return Recording.concatenate(parts)


@contextmanager
def _settings(dtype: np.dtype) -> Iterator[None]:
    """Set preferences of Brian2 and the numerical libraries that all threads share."""
    before = prefs["core.default_float_dtype"]
    with ExitStack() as stack:
        stack.enter_context(strict_arithmetic())
        stack.enter_context(little_garbage())
        # The chunks have threads already; more would only compete with them.
        stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        prefs["core.default_float_dtype"] = dtype.type
        try:
            yield
        finally:
            prefs["core.default_float_dtype"] = before


@dataclass(frozen=True)
class _Plan:
    """The data that all threads share; each simulates its own chunks."""

    request: Request
    batch: int
    dtype: np.dtype
    watch: bool
    ways: Mapping[str, Delivery]

    def run(self, lows: range, hand_over: Callable[[Recording], Any]) -> None:
        """Simulate the chunks that begin with these samples."""
        request, number = self.request, len(self.request.numbers)

        def finish(low: int) -> None:
            samples = min(self.batch, number - low)
            part = _recording(request, built, samples, stream)
            _check_finite(request, built, low, samples, self.dtype, self.watch)
            hand_over(part)

        with PREPARING:
            built, clock = assembled(request, self.batch, self.dtype, self.ways, watch=self.watch)
            loader = ChunkLoader(built, request, lows, finish, clock)
            built.brian2.add(loader)
            stream = self._stream(built, clock)
        time_matters = any(
            p.neuron.regular or "t" in p.neuron.names for p in request.network.populations
        )
        runs = len(lows) if time_matters else 1
        if runs > 1:
            built.brian2.store("start")
        samples = sum(min(self.batch, number - low) for low in lows) // runs
        for _ in range(runs):
            if runs > 1:
                built.brian2.restore("start")
            length = request.steps * (len(lows) // runs)
            # Brian2 compares single precision with a bound that only double precision can hold.
            with np.errstate(over="ignore" if self.dtype == np.float32 else "warn"):
                built.brian2.run(
                    length * request.dt * second, namespace={}, **request.reporting(samples)
                )
            loader.close()  # before anything is reset

    def _stream(self, built: BatchedNetwork, clock: Clock) -> SpikeStream | None:
        """Return the object that writes the spikes of single samples to a file; it is added."""
        writer, output = self.request.spikes, self.request.network.output
        if writer is None or self.batch > 1:
            return None

        def write(events: Mapping[str, Events]) -> None:
            shapes = {p.name: p.shape for p in self.request.network.firing}
            part = Recording(
                self.request.dt, self.request.steps, 1, shapes, events, np.zeros((1, 0))
            )
            writer.append(part, goes_on=True)

        stream = SpikeStream(built.spikes, write, output.name, output.size, clock)
        built.brian2.add(stream)
        return stream


def _neurons(network: SpikingNetwork) -> int:
    return sum(p.size for p in network.populations)


def _recording(
    request: Request, built: BatchedNetwork, samples: int, stream: SpikeStream | None
) -> Recording:
    """Return the recording of the chunk that is over."""
    events = {name: recorder.events(samples) for name, recorder in built.spikes.items()}
    traces = {
        p.name: built.traces[p.name].values(samples) if p.name in built.traces else {}
        for p in request.network.populations
    }
    earlier = None if stream is None else stream.end_sample()
    return request.recording(built.groups, built.batch, samples, events, traces, earlier)


def _check_finite(
    request: Request, built: BatchedNetwork, low: int, samples: int, dtype: Any, watched: bool
) -> None:
    """Refuse a chunk that ended in NaN; simulate it once more to find where NaN began."""
    found = "" if watched else not_a_number(request.network, built.groups, samples)
    if found:
        again = request.of(low, low + samples)
        run_batched(again, batch_size=samples, dtype=dtype, watch=True)
        raise InputError(found)
