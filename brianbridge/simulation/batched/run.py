"""Run a spiking network in Brian2 by the batched path: whole test sets in one run.

The neurons of B samples are one ordinary `NeuronGroup`, stepped, thresholded and reset by Brian2
from its equations; projections are `BatchedProjection` objects that hold the weights once. One
`run` presents one chunk of samples after another (`Presenter`), for starting a run costs as much
as a thousand samples.

Threads share the chunks out. Each has a Brian2 network of its own and never waits for another; the
weights are the same for all. Compiled loops let go of Python's lock, so that they run at the same
time; what they compute does not depend on how many there are.

Spikes are those of the reference path; tests hold both against each other.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2 import Clock, Network, PoissonGroup, hertz, prefs, second
from brian2.utils.stringtools import get_identifiers
from threadpoolctl import threadpool_limits

from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Recording
from brianbridge.simulation.arithmetic import little_garbage, strict_arithmetic
from brianbridge.simulation.batched.delivery import Delivery, delivery
from brianbridge.simulation.batched.failure import UnreliableDelivery, UnreliableProjection
from brianbridge.simulation.batched.loops import run_as_loops
from brianbridge.simulation.batched.presentation import BatchedNetwork, Presenter, RasterSource
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.draws import Presentation, draw_by_counter
from brianbridge.simulation.memory import fitting_batch
from brianbridge.simulation.recorder import SpikeRecorder, StateWatch, TraceRecorder, not_a_number
from brianbridge.simulation.request import Request
from brianbridge.simulation.schedule import position_in_order, put_in_order

__all__ = ["run_batched"]

#: Groups below this size are not worth compiling loops for.
SMALL = 20_000
#: Brian2 prepares one run at a time: it was not made to generate code in several threads.
_PREPARING = threading.RLock()


class _Network(Network):
    def before_run(self, run_namespace: Any) -> None:
        with _PREPARING:
            super().before_run(run_namespace)


class _StoppedError(Exception):
    """Tell a thread to stop, for another one failed."""


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
        What is to be done.
    batch_size : int, optional
        Samples in a chunk; what memory and caches suggest if not given.
    dtype : numpy.dtype
        Type of state and weights.
    threads : int, optional
        Threads that share the chunks; one for each core if not given.
    watch : bool
        Whether to look for NaN after every step, not only after every chunk.
    """
    network, number = request.network, len(request.numbers)
    _check_delays(network)
    workers = threads or _cores()
    traced = len(request.variables)
    batch = batch_size or fitting_batch(network, traced=traced, chunks=workers)
    chunks = -(-number // min(number, batch))
    # As even as possible, so that no chunk is mostly padding and no thread waits for the others.
    if batch_size is None and number >= workers:
        chunks = -(-chunks // workers) * workers
    batch = -(-number // chunks)
    lows = range(0, number, batch)
    workers = min(workers, len(lows))
    with _settings(np.dtype(dtype)):
        ways = _deliveries(network, np.dtype(dtype))
        plan = _Plan(request, batch, np.dtype(dtype), watch, ways)
        if workers == 1:
            parts: list[Recording] = []
            plan.run(lows, lambda part: parts.append(request.hand_on(part)))
        else:
            parts = [request.hand_on(part) for part in _shared_out(plan, lows, workers)]
    return Recording.concatenate(parts)


def _cores() -> int:
    """Return how many cores this process may use; not every system can tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _settings(dtype: np.dtype) -> Iterator[None]:
    """Set what Brian2 and the numerical libraries have one of for all threads."""
    before = prefs["core.default_float_dtype"]
    with ExitStack() as stack:
        stack.enter_context(strict_arithmetic())
        stack.enter_context(little_garbage())
        # The threads here are enough; more would only get in each other's way.
        stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        prefs["core.default_float_dtype"] = dtype.type
        try:
            yield
        finally:
            prefs["core.default_float_dtype"] = before


def _shared_out(plan: _Plan, lows: range, workers: int) -> Iterator[Recording]:
    """Yield the recordings of all chunks in order; each thread holds at most two."""
    results: list[queue.Queue[Any]] = [queue.Queue(maxsize=1) for _ in range(workers)]
    stopped = threading.Event()

    def work(worker: int) -> None:
        def hand_over(part: Any) -> None:
            while not stopped.is_set():
                try:
                    return results[worker].put(part, timeout=0.1)
                except queue.Full:
                    continue
            raise _StoppedError

        try:
            plan.run(lows[worker::workers], hand_over)
        except _StoppedError:
            return
        except BaseException as error:
            with suppress(_StoppedError):
                hand_over(error)

    threads = [threading.Thread(target=work, args=(w,), daemon=True) for w in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for chunk in range(len(lows)):
            part = results[chunk % workers].get()
            if isinstance(part, BaseException):
                raise part
            yield part
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


@dataclass(frozen=True)
class _Plan:
    """Hold what every thread does, each for its own chunks."""

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
            part = _recording(request, built, samples)
            _check_finite(request, built, low, samples, self.dtype, self.watch)
            hand_over(part)

        with _PREPARING:
            built, clock = self._build()
            presenter = Presenter(built, request, lows, finish, clock)
            built.brian2.add(presenter)
        time_matters = any("t" in _names(p.neuron) for p in request.network.populations)
        runs = len(lows) if time_matters else 1
        if runs > 1:
            built.brian2.store("start")
        for _ in range(runs):
            if runs > 1:
                built.brian2.restore("start")
            length = request.steps * (len(lows) // runs)
            # Brian2 compares single precision with a bound that only double precision can hold.
            with np.errstate(over="ignore" if self.dtype == np.float32 else "warn"):
                built.brian2.run(length * request.dt * second, namespace={})
            presenter.close()  # before anything is set back

    def _build(self) -> tuple[BatchedNetwork, Clock]:
        request, batch, dtype = self.request, self.batch, self.dtype
        network, canonical = request.network, request.schedule == "canonical"
        clock = Clock(dt=request.dt * second, name="simulation_clock")
        groups: dict[str, Any] = {}
        source: Any = None
        if any(network.delivers_spikes(p) and p.source == INPUT for p in network.projections):
            inputs = int(np.prod(network.shape_of(INPUT)))
            if request.poisson:
                rates = np.zeros(inputs * batch) * hertz
                # The first in the order of populations.
                source = PoissonGroup(inputs * batch, rates, clock=clock, order=-1, name=INPUT)
            else:
                source = RasterSource(
                    inputs, batch, request.coarse, dtype, clock=clock, when="start"
                )
        for population in network.populations:
            group = population.neuron.group(
                batch * population.size,
                fires=network.fires(population.name),
                clock=clock,
                name=population.name,
            )
            if group.N >= SMALL and dtype == np.float64:
                run_as_loops(group)
            groups[population.name] = group
        now = Presentation(clock, request.steps)
        draw_by_counter(groups, request.seed, batch, now)
        if isinstance(source, PoissonGroup):
            draw_by_counter({INPUT: source}, request.seed, batch, now)
        positions = [INPUT, *groups]
        projections = []
        for projection in network.projections:
            if not network.delivers_spikes(projection):
                continue
            # Feedback reads its source before that emits: the spikes of the last step.
            early = 1 if projection.feedback and canonical else 0
            kind = BatchedProjection if projection.failure is None else UnreliableProjection
            projections.append(
                kind(
                    source if projection.source == INPUT else groups[projection.source],
                    groups[projection.target],
                    self.ways[projection.name],
                    receive=network.receive_of(projection),
                    samples=batch,
                    delay_steps=network.delay_steps(projection, request.dt) - early,
                    name=projection.name,
                )
            )
        if canonical:
            for name, group in groups.items():
                put_in_order(positions.index(name), group)
            for part in projections:
                part.when, part.order = position_in_order(positions.index(part.target.name))
        spikes = {
            p.name: SpikeRecorder(groups[p.name], p.neuron, batch, request, clock)
            for p in network.firing
        }
        traces = {
            p.name: TraceRecorder(groups[p.name], variables, p.shape, batch, request.steps, clock)
            for p in network.populations
            if (variables := [v for v in request.variables if v in p.neuron.state_variables])
        }
        watches = [
            StateWatch(groups[p.name], p.neuron.state_variables, clock)
            for p in network.populations
            if self.watch
        ]
        parts = [*groups.values(), *projections, *spikes.values(), *traces.values(), *watches]
        parts += [r.start for r in spikes.values() if r.start is not None]
        parts += [source] if source is not None else []
        built = BatchedNetwork(
            _Network(*parts), groups, source, tuple(projections), spikes, traces, now, batch
        )
        return built, clock


def _check_delays(network: SpikingNetwork) -> None:
    for projection in network.projections:
        if projection.connection.delays is not None:
            raise InputError(
                f"projection '{projection.name}' has a delay for each synapse, which only the "
                "reference path follows; use path = 'reference', or split it by delay"
            )


def _names(model: NeuronModel) -> set[str]:
    """Return all names in the code of a model, to see whether it depends on time."""
    refractory = model.refractory if isinstance(model.refractory, str) else ""
    code = " ".join((model.equations.replace("/dt", ""), model.emit, model.reset, refractory))
    return set(get_identifiers(code))


def _deliveries(network: SpikingNetwork, dtype: np.dtype) -> dict[str, Delivery]:
    """Return what applies the weights of each projection, ready for all threads."""
    ways = {}
    for projection in network.projections:
        if network.delivers_spikes(projection):
            ends = network.shape_of(projection.source), network.shape_of(projection.target)
            make = delivery if projection.failure is None else UnreliableDelivery
            ways[projection.name] = make(projection, *ends, dtype.type)
            ways[projection.name].prepare()
    return ways


def _recording(request: Request, built: BatchedNetwork, samples: int) -> Recording:
    """Return what was recorded of the chunk that is over."""
    events = {name: recorder.events(samples) for name, recorder in built.spikes.items()}
    traces = {
        p.name: built.traces[p.name].values(samples) if p.name in built.traces else {}
        for p in request.network.populations
    }
    return request.recording(built.groups, built.batch, samples, events, traces)


def _check_finite(
    request: Request, built: BatchedNetwork, low: int, samples: int, dtype: Any, watched: bool
) -> None:
    """Refuse a chunk that ended in NaN; present it once more to find where that began."""
    found = "" if watched else not_a_number(request.network, built.groups, samples)
    if found:
        again = replace(
            request,
            samples=request.encode(low, low + samples),
            numbers=request.numbers[low : low + samples],
            on_chunk=None,
        )
        run_batched(again, batch_size=samples, dtype=dtype, watch=True)
        raise InputError(found)
