"""Present one chunk of samples after another within a single Brian2 run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import BrianObject, Clock, Network, PoissonGroup
from brian2.core.variables import ArrayVariable

from brianbridge.simulation.batched.input_source import (
    InputSource,
    lists_of_events,
    lists_of_rasters,
)
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.drive import Drives
from brianbridge.simulation.random.code_objects import Presentation
from brianbridge.simulation.recorder import SpikeRecorder, TraceRecorder
from brianbridge.simulation.request import Request

__all__ = ["BatchedNetwork", "ChunkLoader"]

_FIRST = -(10**6)


@dataclass(frozen=True)
class BatchedNetwork:
    """Hold the Brian2 objects of the batched path."""

    brian2: Network
    groups: Mapping[str, Any]
    source: InputSource | PoissonGroup | None
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
        current = self._load_input(self._low, len(numbers))
        for name, values in self._drives(current, len(numbers)).items():
            group = built.groups[name]
            drive = group.variables[request.network.population(name).neuron.drive].get_value()
            rows = drive.reshape(built.batch, -1)
            rows[: len(numbers)] = values
            rows[len(numbers) :] = 0

    def _load_input(self, low: int, samples: int) -> np.ndarray | None:
        """Hand the input of a chunk to its source; return the current, if it is one."""
        request, source, batch = self._request, self._built.source, self._built.batch
        high = low + samples
        if source is None:
            return next(request.encode_by_blocks(low, high)).current
        # Nothing is drawn yet, but samples that cannot be encoded are refused.
        events = request.input_events(low, high)
        if isinstance(source, PoissonGroup):
            rates = source.variables["rates"].get_value().reshape(batch, -1)
            rates[:samples] = request.rates(low, high)
            rates[samples:] = 0
        elif events is None:
            blocks = request.encode_by_blocks(low, high)
            source.rewind(lists_of_rasters(blocks, batch, source.dtype), request.moments(low, high))
        else:
            source.rewind(lists_of_events(events, batch, source.dtype), request.moments(low, high))
        return None


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
