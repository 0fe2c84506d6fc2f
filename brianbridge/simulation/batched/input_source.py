"""The object that emits the input spikes of a chunk of samples within a Brian2 run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from brian2 import BrianObject

from brianbridge.encoding import EncodedInput
from brianbridge.encoding.base import StepEvents
from brianbridge.encoding.moments import Moments
from brianbridge.network import INPUT
from brianbridge.simulation.batched.spikes import SpikeList, from_dense

__all__ = ["InputSource", "lists_of_events", "lists_of_rasters"]


class InputSource(BrianObject):
    """Emit the input spikes of a chunk.

    Parameters
    ----------
    inputs : int
        Number of input neurons.
    samples : int
        Samples in a chunk.
    coarse : int
        Number of steps that make one step of the input.
    dtype : numpy.dtype
        Type of spike values.
    """

    def __init__(self, inputs: int, samples: int, coarse: int, dtype: Any, **keywords: Any) -> None:
        super().__init__(name=INPUT, **keywords)
        self.N, self.dtype, self._coarse = inputs * samples, dtype, coarse
        self._silent = SpikeList(
            np.zeros(samples + 1, np.int64), np.empty(0, np.int32), np.empty(0, dtype)
        )
        self.variables: dict[str, Any] = {}
        self.rewind(iter(()))

    def rewind(self, lists: Iterator[SpikeList], moments: Moments | None = None) -> None:
        """Start again with the spikes of a chunk, by coarse steps.

        Parameters
        ----------
        lists : iterator of SpikeList
            The spikes of each coarse step; there are none after the last.
        moments : callable, optional
            When they occur; in the first fine step if not given.
        """
        self._lists, self._moments, self._step = lists, moments, 0
        self._whole = self.spike_list = self._silent
        self._fine_steps: np.ndarray | None = None

    def run(self) -> None:
        """Emit the spikes of this step."""
        step, fine_step = divmod(self._step, self._coarse)
        self._step += 1
        if fine_step == 0:
            self._whole = next(self._lists, self._silent)
            if self._moments is not None:
                self._fine_steps = self._moments(step, self._whole.start, self._whole.node)
        if self._fine_steps is not None:
            self.spike_list = _chosen(self._whole, self._fine_steps == fine_step)
        else:
            self.spike_list = self._silent if fine_step else self._whole


def lists_of_events(steps: Iterable[StepEvents], batch: int, dtype: Any) -> Iterator[SpikeList]:
    """Yield the spikes of each step, of value 1; missing samples of a chunk are silent.

    Parameters
    ----------
    steps : iterable of StepEvents
        The spikes of each step.
    batch : int
        Number of samples in a chunk.
    dtype : numpy.dtype
        Type of spike values.
    """
    for start, node in steps:
        yield SpikeList(_padded(start, batch), node, np.empty(0, dtype))


def lists_of_rasters(blocks: Iterable[EncodedInput], batch: int, dtype: Any) -> Iterator[SpikeList]:
    """Yield the spikes of each step, which are looked for in rasters; see `lists_of_events`."""
    for block in blocks:
        assert block.raster is not None
        graded = _graded(block.raster)
        for raster in block.raster:
            flat = raster.reshape(len(raster), -1)
            start, node, value = from_dense(flat, np.empty(0, dtype), graded)
            yield SpikeList(_padded(start, batch), node, value)


def _padded(start: np.ndarray, batch: int) -> np.ndarray:
    """Return where spikes of each sample begin, with samples that have none at the end."""
    missing = batch + 1 - len(start)
    return start if not missing else np.pad(start, (0, missing), mode="edge")


def _graded(raster: np.ndarray) -> bool:
    """Return whether any spike value is not 1."""
    if raster.dtype.kind == "f":
        return bool(((raster != 0) & (raster != 1)).any())
    return bool((raster.max() > 1) or (raster.min() < 0))


def _chosen(spikes: SpikeList, chosen: np.ndarray) -> SpikeList:
    """Return some of the spikes of a list."""
    before = np.concatenate([[0], np.cumsum(chosen)])
    value = spikes.value[chosen] if len(spikes.value) else spikes.value
    return SpikeList(before[spikes.start], spikes.node[chosen], value)
