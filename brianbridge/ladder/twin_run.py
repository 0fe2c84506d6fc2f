"""Run a network's twin on samples, and hand out what it did as often as it is wanted.

All rungs of a ladder are compared with the same twin. Its spikes are kept, packed, as far as they
fit ``prefs.brianbridge.memory``; beyond that, a block of samples runs again when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from brianbridge.measures.spike_counts import SpikeCounts, add_spike_counts
from brianbridge.network import SpikingNetwork
from brianbridge.preferences import memory_budget
from brianbridge.recording import Events, Recording
from brianbridge.simulation.memory import check_sample_fits
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["TwinRun", "block_size"]

#: Samples that run at once, and cells of their rasters, at most.
_SAMPLES, _CELLS = 500, 10_000_000


class TwinRun:
    """Run the twin in float64 and remember its outputs and the activity of each neuron.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with its weights.
    x : array, shape (samples, *input_shape)
        The samples.
    on_block : callable, optional
        Called with the recording of each block of samples, in order, as soon as it is done.
    first : int
        Number of the first sample in its data set.
    share : float
        What part of the memory it may have.

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
    ) -> None:
        check_sample_fits(network)  # before the twin takes memory for it
        self._network = network
        self._x, self._first = np.asarray(x), first
        self._size = block_size(network)
        self._kept: dict[int, _Packed] = {}
        self._latest: tuple[int, Recording] | None = None
        room = share * memory_budget()
        outcomes: list[Recording] = []
        #: What each neuron did, by population, over all samples.
        self.activity: dict[str, SpikeCounts] = {}
        for number in range(-(-len(self._x) // self._size)):
            block = self._block(number)
            outcomes.append(block.without_events())
            self.activity = add_spike_counts(self.activity, block)
            if on_block is not None:
                on_block(block)
            if room > 0:
                packed = _Packed.of(block)
                room -= packed.nbytes
                self._kept[number] = packed
            del block  # before the next one runs
        #: The outputs of all samples, without any spikes.
        self.outcome = Recording.concatenate(outcomes)

    @cached_property
    def _twin(self) -> NetworkTwin:
        return to_torch(self._network, dtype=torch.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the twin itself, which is made again where a block has to run once more."""
        return {name: value for name, value in vars(self).items() if name != "_twin"}

    def part(self, low: int, high: int) -> Recording:
        """Return the recording of samples `low` up to `high`."""
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
        """Return a block; always the same samples run together, so that rounding is the same."""
        if self._latest is None or self._latest[0] != number:
            self._latest = None  # two blocks at a time would take twice the memory
            self._latest = (number, self._unpacked_or_run(number))
        return self._latest[1]

    def _unpacked_or_run(self, number: int) -> Recording:
        if number in self._kept:
            return self._kept[number].recording()
        low = number * self._size
        x = self._x[low : low + self._size]
        with _one_thread():
            return self._twin.record_batch(x, self._first + np.arange(low, low + len(x)))


def block_size(network: SpikingNetwork) -> int:
    """Return how many samples of a network are looked at together, on any machine."""
    cells = network.steps * sum(p.size for p in network.firing)
    return max(1, min(_SAMPLES, _CELLS // max(cells, 1)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread, for rounding may depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Packed:
    """Hold a recording with a bit for each cell of its rasters, where that is less than events."""

    still: Recording
    events: Mapping[str, Events]
    bits: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, recording: Recording) -> _Packed:
        bits, events = {}, {}
        for name in recording.shapes:
            found = recording.events(name)
            cells = _cells(recording, name)
            if (found.value == 1).all() and math.prod(cells) < 8 * found.nbytes:
                bits[name] = np.packbits(found.to_raster(*cells) != 0)
            else:
                events[name] = found
        return cls(replace(recording, all_events={}), events, bits)

    @property
    def nbytes(self) -> int:
        """Memory that the spikes take."""
        return sum(e.nbytes for e in self.events.values()) + sum(
            b.nbytes for b in self.bits.values()
        )

    def recording(self) -> Recording:
        """Return the recording as it was."""
        events = dict(self.events)
        for name, bits in self.bits.items():
            cells = _cells(self.still, name)
            raster = np.unpackbits(bits, count=math.prod(cells)).reshape(cells)
            events[name] = Events.from_raster(raster, self.still.dt)
        return replace(self.still, all_events=events)


def _cells(recording: Recording, name: str) -> tuple[int, int, int]:
    """Return the shape of a population's raster: steps, samples, neurons."""
    return recording.steps, recording.samples, math.prod(recording.shapes[name])
