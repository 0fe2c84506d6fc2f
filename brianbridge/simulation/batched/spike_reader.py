"""Read the spikes of a Brian2 group in the middle of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import SpikeGeneratorGroup
from brian2.groups.subgroup import Subgroup

from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.simulation.batched.spikes import SpikeList, split

__all__ = ["SpikeReader", "whole_group"]


class SpikeReader:
    """Read the latest spikes of a group, step after step.

    Parameters
    ----------
    group : brian2.NeuronGroup or any group that fires
        Group of ``samples*n`` neurons, or an object with a `SpikeList` as ``spike_list``.
    samples : int
        Number of samples in the group.
    dtype : numpy.dtype
        Type of spike values.
    """

    def __init__(self, group: Any, samples: int, dtype: Any) -> None:
        self._group, self._samples, self._neurons = group, samples, group.N // samples
        self._empty = np.empty(0, dtype)
        # Looked up once: attributes of groups cost more than the rest of a step.
        self._listed = "spike_list" in vars(group)
        whole, self._first = whole_group(group)
        graded = SPIKE_VALUE in group.variables
        self._values = group.variables[SPIKE_VALUE].get_value() if graded else None
        if not self._listed:
            self._space = whole.variables["_spikespace"].get_value()
            # Brian2 sorts the spikes of these groups by time, also within a step.
            self._unsorted = isinstance(whole, SpikeGeneratorGroup)
            self._part = whole is not group

    def fired(self) -> np.ndarray:
        """Return the ascending indices of the neurons that fired."""
        fired = self._space[: self._space[-1]]
        if self._unsorted:
            fired = np.sort(fired)
        if self._part:
            ends = self._first, self._first + self._neurons * self._samples
            low, high = np.searchsorted(fired, ends)
            fired = fired[low:high] - self._first
        return fired

    def read(self) -> SpikeList:
        """Return the spikes, sample after sample."""
        if self._listed:
            return self._group.spike_list
        fired = self.fired()
        start, node = split(fired, len(fired), self._neurons, self._samples)
        if self._values is None:
            return SpikeList(start, node, self._empty)
        return SpikeList(start, node, self._values[fired + self._first].astype(self._empty.dtype))


def whole_group(group: Any) -> tuple[Any, int]:
    """Return the group that a subgroup is part of, and where it begins there."""
    return (group.source, group.start) if isinstance(group, Subgroup) else (group, 0)
