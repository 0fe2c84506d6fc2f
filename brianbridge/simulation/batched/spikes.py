"""Lists of the spikes of one time step: compiled functions that make them.

A `SpikeList` holds the spikes of B samples, one sample after another. It is made from the
indices of neurons that fired in a Brian2 group (`split`), or from a dense raster (`from_dense`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from brianbridge.compiled import compiled

__all__ = ["SpikeList", "from_dense", "split"]


class SpikeList(NamedTuple):
    """Hold the spikes of a step, sample after sample.

    Parameters
    ----------
    start : numpy.ndarray of int64, shape (samples + 1,)
        Where the spikes of each sample begin.
    node : numpy.ndarray of int32, shape (spikes,)
        Neuron within its population, ascending within a sample.
    value : numpy.ndarray of float, shape (spikes,) or (0,)
        Spike values; empty if all are 1.
    """

    start: np.ndarray
    node: np.ndarray
    value: np.ndarray


#: Silent neurons are skipped in blocks of this size.
_BLOCK = 16
_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")


@_compiled
def split(spikes: np.ndarray, count: int, neurons: int, samples: int) -> tuple:
    """Return start and node of the ascending indices of a group of ``samples*neurons``.

    Only the first `count` of `spikes` are used.
    """
    start = np.zeros(samples + 1, np.int64)
    node = np.empty(count, np.int32)
    sample, low = 0, 0
    for k in range(count):
        while spikes[k] - low >= neurons:
            low += neurons
            sample += 1
            start[sample] = k
        node[k] = spikes[k] - low
    for rest in range(sample + 1, samples + 1):
        start[rest] = count
    return start, node


@_inline
def _append_active(row: np.ndarray, low: int, high: int, node: np.ndarray, found: Any) -> Any:
    # Without a branch: a silent neuron is overwritten by the next one.
    for i in range(low, high):
        node[found] = i
        found += np.uint64(row[i] != 0)
    return found


@_compiled
def from_dense(raster: np.ndarray, dtype: np.ndarray, graded: bool) -> tuple:
    """Return start, node and value of a dense raster ``(samples, neurons)``.

    ``dtype`` is an empty array of the type of the values. Values are left out if spikes are not
    ``graded``.
    """
    samples, neurons = raster.shape
    whole = neurons // _BLOCK * _BLOCK
    start = np.zeros(samples + 1, np.int64)
    node = np.empty(samples * neurons + 1, np.int32)
    found: Any = np.uint64(0)
    for b in range(samples):
        row = raster[b]
        # Blocks have a fixed size. Most are silent, which one comparison shows.
        for low in range(0, whole, _BLOCK):
            active = False
            for i in range(_BLOCK):
                active |= row[low + i] != 0
            if active:
                found = _append_active(row, low, low + _BLOCK, node, found)
        found = _append_active(row, whole, neurons, node, found)
        start[b + 1] = found
    value = np.empty(start[samples] if graded else 0, dtype.dtype)
    if graded:
        for b in range(samples):
            for k in range(start[b], start[b + 1]):
                value[k] = raster[b, node[k]]
    return start, node[:found].copy(), value
