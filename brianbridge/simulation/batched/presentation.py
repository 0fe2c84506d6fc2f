"""Present one chunk of samples after another within a single Brian2 run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from brian2 import BrianObject, Clock, Network, PoissonGroup
from brian2.core.variables import ArrayVariable

from brianbridge.encoding import EncodedInput
from brianbridge.network import INPUT
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.batched.spikes import SpikeList, from_dense
from brianbridge.simulation.drive import Drives
from brianbridge.simulation.random.code_objects import Presentation
from brianbridge.simulation.recorder import SpikeRecorder, TraceRecorder
from brianbridge.simulation.request import Request

__all__ = ["BatchedNetwork", "ChunkLoader", "InputBlock", "RasterSource", "padded"]

_FIRST = -(10**6)


@dataclass(frozen=True)
class InputBlock:
    """Hold the input spikes of some coarse steps.

    Parameters
    ----------
    raster : numpy.ndarray, shape (steps, samples, *inputs)
        Spike values.
    fine_steps : numpy.ndarray of int, shape (steps, samples, *inputs), optional
        The fine step in which each spike occurs; all occur in the first if not given.
    """

    raster: np.ndarray
    fine_steps: np.ndarray | None = None


class RasterSource(BrianObject):
    """Replay the input spikes of a chunk.

    Parameters
    ----------
    inputs : int
        Number of input neurons.
    samples : int
        Samples in a chunk.
    coarse : int
        Number of steps that make one step of the raster.
    dtype : numpy.dtype
        Type of spike values.
    """

    def __init__(self, inputs: int, samples: int, coarse: int, dtype: Any, **keywords: Any) -> None:
        super().__init__(name=INPUT, **keywords)
        self.N, self._samples = inputs * samples, samples
        self._coarse, self._empty = coarse, np.empty(0, dtype)
        self._silent = SpikeList(
            np.zeros(samples + 1, np.int64), np.empty(0, np.int32), self._empty
        )
        self.variables: dict[str, Any] = {}
        self._block: InputBlock | None = None
        self.rewind(iter(()))

    def rewind(self, blocks: Iterator[InputBlock]) -> None:
        """Start again with the input of a chunk, block by block."""
        self._blocks, self._block, self._first, self._step = blocks, None, 0, 0
        self.spike_list = self._silent

    def run(self) -> None:
        """Emit the spikes of this step."""
        step, fine_step = divmod(self._step, self._coarse)
        self._step += 1
        if self._block is None or step == self._first + len(self._block.raster):
            self._block, self._first = next(self._blocks, None), step
            self._graded = self._block is not None and _graded(self._block.raster)
        block = self._block
        if block is None or (fine_step and block.fine_steps is None):
            self.spike_list = self._silent
            return
        raster = block.raster[step - self._first]
        if block.fine_steps is not None:
            raster = np.where(block.fine_steps[step - self._first] == fine_step, raster, 0)
        raster = raster.reshape(self._samples, -1)
        found = from_dense(raster, self._empty, self._graded)
        self.spike_list = SpikeList(*found)


def _graded(raster: np.ndarray) -> bool:
    """Return whether any spike value is not 1."""
    if raster.dtype.kind == "f":
        return bool(((raster != 0) & (raster != 1)).any())
    return bool((raster.max() > 1) or (raster.min() < 0))


@dataclass(frozen=True)
class BatchedNetwork:
    """Hold the Brian2 objects of the batched path."""

    brian2: Network
    groups: Mapping[str, Any]
    source: RasterSource | PoissonGroup | None
    projections: tuple[BatchedProjection, ...]
    spikes: Mapping[str, SpikeRecorder]
    traces: Mapping[str, TraceRecorder]
    now: Presentation
    batch: int


class ChunkLoader(BrianObject):
    """Load one chunk of samples after another within one run.

    Parameters
    ----------
    built : BatchedNetwork
        The network, with its recorders.
    request : Request
        What to simulate and record.
    chunks : iterable of int
        The first sample of each chunk.
    finish : callable
        Called after the last step of each chunk, with the first sample of the chunk.
    clock : brian2.Clock
        The clock of the simulation.
    """

    def __init__(
        self,
        built: BatchedNetwork,
        request: Request,
        chunks: Iterable[int],
        finish: Callable[[int], None],
        clock: Clock,
    ) -> None:
        # This runs before Brian2 computes the subexpressions that are constant over a step.
        super().__init__(clock=clock, when="before_start", order=_FIRST, name="presenter")
        self._built, self._request, self._finish = built, request, finish
        self._chunks = iter(chunks)
        self._drives = Drives(request.network)
        self._initial = {
            name: {v: a.copy() for v, a in _changing(group).items()}
            for name, group in built.groups.items()
        }
        self._step = 0

    def run(self) -> None:
        """Load the next chunk when the present one is over."""
        if self._step == self._request.steps:
            self.close()
        if self._step == 0:
            self.load()
        self._step += 1

    def close(self) -> None:
        """Finish the chunk that is over."""
        self._finish(self._low)
        self._step = 0

    def load(self) -> None:
        """Reset all state and load the input of the next chunk."""
        built, request = self._built, self._request
        self._low = next(self._chunks)
        for name, group in built.groups.items():
            for variable, values in self._initial[name].items():
                group.variables[variable].get_value()[...] = values
        numbers = request.numbers[self._low : self._low + built.batch]
        built.now.begin(numbers, built.batch)
        for projection in built.projections:
            projection.begin(numbers)
        for spikes in built.spikes.values():
            spikes.rewind()
        for traces in built.traces.values():
            traces.rewind()
        blocks = request.encode_by_blocks(self._low, self._low + built.batch)
        encoded = next(blocks)
        for name, values in self._drives(encoded).items():
            group = built.groups[name]
            drive = group.variables[request.network.population(name).neuron.drive].get_value()
            rows = drive.reshape(built.batch, -1)
            rows[: encoded.samples] = values
            rows[encoded.samples :] = 0
        if isinstance(built.source, RasterSource):
            built.source.rewind(self._padded(chain([encoded], blocks), self._low))
        elif built.source is not None:
            rates = built.source.variables["rates"].get_value().reshape(built.batch, -1)
            rates[: encoded.samples] = request.rates(self._low, self._low + encoded.samples)
            rates[encoded.samples :] = 0

    def _padded(self, blocks: Iterable[EncodedInput], low: int) -> Iterator[InputBlock]:
        """Yield blocks of input that have room for all samples of a chunk."""
        first, batch = 0, self._built.batch
        for encoded in blocks:
            fine_steps = self._request.fine_steps(encoded, low, first)
            raster = padded(encoded.raster, batch)
            yield InputBlock(raster, None if fine_steps is None else padded(fine_steps, batch))
            first += len(raster)


def padded(given: np.ndarray | None, batch: int) -> np.ndarray:
    """Return a raster ``(steps, batch, *inputs)``; it is 0 for samples that are missing."""
    assert given is not None
    if given.shape[1] == batch:
        return given
    raster = np.zeros((len(given), batch, *given.shape[2:]), given.dtype)
    raster[:, : given.shape[1]] = given
    return raster


def _changing(group: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a group that a run may change."""
    arrays = {
        name: variable.get_value()
        for name, variable in group.variables.items()
        if isinstance(variable, ArrayVariable)
        and variable.owner is not None
        and variable.owner.name == group.name
        and not (variable.constant or variable.scalar)
    }
    return {name: values for name, values in arrays.items() if name not in ("i", "t", "dt")}
