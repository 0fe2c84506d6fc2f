"""Run a network's twin on samples, and return its recordings as often as they are needed.

All rungs of a ladder are compared with the same twin. Its spikes are kept in packed form as far as
they fit into ``prefs.brianbridge.memory``. Beyond that, a block of samples runs again when its
recording is needed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch

from brianbridge.ladder.bits import as_bits, from_bits
from brianbridge.measures.spike_counts import SpikeCounts, add_spike_counts
from brianbridge.network import SpikingNetwork
from brianbridge.preferences import memory_budget
from brianbridge.recording import Events, Recording
from brianbridge.simulation.memory import check_sample_fits
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["TwinRun", "block_size"]

#: Largest number of samples that run at once, and of cells of their rasters.
_SAMPLES, _CELLS = 500, 10_000_000
#: Bytes that the twin takes for a cell while it runs.
_CELL_BYTES = 32


class TwinRun:
    """Run the twin in float64 and keep its outputs and the activity of each neuron.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    x : array, shape (samples, *input_shape)
        The samples.
    on_block : callable, optional
        Called with the recording of each block of samples, in order, when the block is done.
    first : int
        Number of the first sample in its data set.
    share : float
        Share of the memory budget that the kept spikes may take.
    seed : int
        Seed of the random numbers of neurons.
    record : sequence of str
        State variables of the output that `on_block` needs; they are not kept.
    threads : int
        Number of blocks that run at the same time, if the memory allows; results do not depend on
        it.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    >>> run = TwinRun(net, np.ones((7, 4)))
    >>> run.outcome.output.shape, run.part(2, 5).spikes["output"].shape
    ((7, 2), (5, 3, 2))
    """

    def __init__(
        self,
        network: SpikingNetwork,
        x: Any,
        on_block: Callable[[Recording], None] | None = None,
        *,
        first: int = 0,
        share: float = 1.0,
        seed: int = 0,
        record: Sequence[str] = (),
        threads: int = 1,
    ) -> None:
        traced = network.output.size * len(record)
        check_sample_fits(network, dense=True, traced=traced)  # before the twin takes memory for it
        self._network = network
        self._x, self._first, self._seed = np.asarray(x), first, seed
        self._size = block_size(network)
        self._kept: dict[int, _Packed] = {}
        self._latest: tuple[int, Recording] | None = None
        room = share * memory_budget()
        outcomes: list[Recording] = []
        #: Spike counts of each neuron over all samples, by population.
        self.activity: dict[str, SpikeCounts] = {}
        for number, block in enumerate(self._all(record, threads)):
            self._latest = None  # keeping two blocks would take twice the memory
            if on_block is not None:
                on_block(block)
            block = replace(block, traces={})
            self._latest = number, block
            outcomes.append(block.without_events())
            self.activity = add_spike_counts(self.activity, block)
            if room > 0:
                packed = _Packed.of(block)
                room -= packed.nbytes
                self._kept[number] = packed
            del block  # before the next one comes
        #: The outputs of all samples, without spikes.
        self.outcome = Recording.concatenate(outcomes)

    def _all(self, record: Sequence[str], threads: int) -> Iterator[Recording]:
        """Run all blocks, and yield their recordings in order."""
        number, whole = -(-len(self._x) // self._size), len(self._x) // self._size
        yield from (self._run(k, record) for k in range(min(number, 1)))  # it may compile
        threads = int(min(threads, whole - 1, memory_budget() // self._bytes(record)))
        done = 1
        if threads > 1:
            yield from self._in_threads(range(1, whole), record, threads)
            done = whole  # a smaller block may have to measure which product is quicker
        yield from (self._run(k, record) for k in range(done, number))

    def _in_threads(
        self, numbers: range, record: Sequence[str], threads: int
    ) -> Iterator[Recording]:
        """Run blocks in several threads, each with a twin of its own."""
        twins: SimpleQueue[NetworkTwin] = SimpleQueue()
        for _ in range(threads):  # not in the threads: Brian2 prepares one network at a time
            twins.put(to_torch(self._network, dtype=torch.float64))

        def run(number: int) -> Recording:
            twin = twins.get()
            try:
                return self._recorded(twin, number, record)
            finally:
                twins.put(twin)

        before, running = torch.get_num_threads(), deque[Future[Recording]]()
        pool = ThreadPoolExecutor(threads, "twin", torch.set_num_threads, (1,))
        try:
            for number in numbers:
                running.append(pool.submit(run, number))
                if len(running) == threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(before)  # new threads take what was set last

    def _bytes(self, record: Sequence[str]) -> int:
        """Return the memory that a twin takes while it runs a block."""
        network = self._network
        cells = _CELL_BYTES * sum(p.size for p in network.firing)
        traced = 8 * network.output.size * len(record)
        weights = 8 * sum(p.weight.size for p in network.projections)
        return max(1, self._size * network.steps * (cells + traced) + weights)

    @cached_property
    def _twin(self) -> NetworkTwin:
        return to_torch(self._network, dtype=torch.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what `placed` gives back in another process, and what is made again."""
        left_out = ("_twin", "_latest", "_network", "_x")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __sizeof__(self) -> int:
        """Return the bytes that move with the run, for Dask, which moves tasks to their data."""
        return sum(packed.nbytes for packed in self._kept.values()) + self.outcome.output.nbytes

    def placed(self, network: SpikingNetwork, x: np.ndarray) -> TwinRun:
        """Return the run with its network and samples, which were sent on other ways."""
        found = copy(self)
        found._network, found._x, found._latest = network, x, None
        return found

    def part(self, low: int, high: int) -> Recording:
        """Return the recording of samples `low` to `high`, without `high`."""
        size = self._size
        return Recording.concatenate(
            [
                self._block(number).of_samples(
                    max(low - number * size, 0), min(high - number * size, size)
                )
                for number in range(low // size, -(-high // size))
            ]
        )

    def _block(self, number: int) -> Recording:
        """Return a block. The same samples always run together, which keeps rounding the same."""
        if self._latest is None or self._latest[0] != number:
            self._latest = None  # keeping two blocks would take twice the memory
            self._latest = (number, self._unpacked_or_run(number))
        return self._latest[1]

    def _unpacked_or_run(self, number: int) -> Recording:
        return self._kept[number].recording() if number in self._kept else self._run(number)

    def _run(self, number: int, record: Sequence[str] = ()) -> Recording:
        with _one_thread():
            return self._recorded(self._twin, number, record)

    def _recorded(self, twin: NetworkTwin, number: int, record: Sequence[str]) -> Recording:
        """Run a block with a twin."""
        low = number * self._size
        x = self._x[low : low + self._size]
        numbers = self._first + np.arange(low, low + len(x))
        return twin.record_batch(x, numbers, ("spikes", *record), self._seed)


def block_size(network: SpikingNetwork) -> int:
    """Return the number of samples in a block; it depends on the network alone."""
    cells = network.steps * sum(p.size for p in network.firing)
    return max(1, min(_SAMPLES, _CELLS // max(cells, 1)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread, because rounding may depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Packed:
    """Hold a recording with one bit for each raster cell, where that is smaller than its events."""

    rest: Recording
    events: Mapping[str, Events]
    bits: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, recording: Recording) -> _Packed:
        bits, events = {}, {}
        for name in recording.shapes:
            found = recording.events(name)
            cells = _cells(recording, name)
            if (found.value == 1).all() and math.prod(cells) < 8 * found.nbytes:
                bits[name] = as_bits(found, cells)
            else:
                events[name] = found
        return cls(replace(recording, all_events={}), events, bits)

    @property
    def nbytes(self) -> int:
        """Memory of the spikes in bytes."""
        return sum(e.nbytes for e in self.events.values()) + sum(
            b.nbytes for b in self.bits.values()
        )

    def recording(self) -> Recording:
        """Return the original recording."""
        events = dict(self.events)
        for name, bits in self.bits.items():
            events[name] = from_bits(bits, _cells(self.rest, name), self.rest.dt)
        return replace(self.rest, all_events=events)


def _cells(recording: Recording, name: str) -> tuple[int, int, int]:
    """Return the shape of a population's raster: steps, samples, neurons."""
    return recording.steps, recording.samples, math.prod(recording.shapes[name])
