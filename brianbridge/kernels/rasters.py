"""List the spikes of dense rasters, row by row, with explicit vectors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.events import Events
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.vectors import LANES, lowest, nonzero, ones, single

__all__ = ["SpikeRows", "count_spikes", "events_of", "list_places", "only_ones", "spike_rows"]

_compiled = compiled(nogil=True, error_model="numpy")
#: Elements that are worth a thread.
_PART = 100_000


class SpikeRows(NamedTuple):
    """Hold the spikes of each row of a matrix.

    Parameters
    ----------
    start : numpy.ndarray of int64, shape (rows + 1,)
        Where the spikes of each row begin.
    node : numpy.ndarray of int32, shape (spikes,)
        The column of each spike, in rising order within a row.
    value : numpy.ndarray, shape (spikes,) or (0,)
        The spike values; none if all are 1.
    """

    start: np.ndarray
    node: np.ndarray
    value: np.ndarray


def spike_rows(x: np.ndarray, channels: int = 1) -> SpikeRows:
    """List the spikes of each row of a contiguous matrix of float32 or float64.

    Parameters
    ----------
    x : numpy.ndarray, shape (rows, columns)
        Spike values.
    channels : int
        If a row is an image, pixel by pixel with this number of channels, neurons are numbered
        channel by channel.

    Examples
    --------
    >>> spike_rows(np.array([[0, 1, 1], [0, 1.0, 0]]))
    SpikeRows(start=array([0, 2, 3]), node=array([1, 2, 1], dtype=int32), value=array([], dtype=float64))
    """  # noqa: E501
    rows, columns = x.shape
    flat = x.reshape(-1)
    start, singles = np.zeros(rows + 1, np.int64), np.zeros(rows, np.int64)

    def count(low: int, high: int) -> None:
        _count(flat, columns, low, high, start[1:], singles)

    def fill(low: int, high: int) -> None:
        if channels == 1:
            _fill(flat, columns, low, high, start, node, value)
        else:
            _fill_images(flat, columns, channels, low, high, start, node, value)

    least = max(1, _PART // max(1, columns))
    in_threads(count, rows, least)
    np.cumsum(start, out=start)
    node = np.empty(start[-1], np.int32)
    value = np.empty(0 if singles.sum() == start[-1] else start[-1], x.dtype)
    in_threads(fill, rows, least)
    return SpikeRows(start, node, value)


def only_ones(flat: np.ndarray) -> bool:
    """Return whether all spikes of an array of float32 or float64 with one axis have the value 1.

    Examples
    --------
    >>> only_ones(np.array([0, 1.0, 1])), only_ones(np.array([0, 1, -1.0]))
    (True, False)
    """
    parts = range(0, flat.size, _PART)
    counts = (count_spikes(flat, first, min(_PART, flat.size - first)) for first in parts)
    return all(spikes == of_one for spikes, of_one in counts)


def events_of(raster: np.ndarray, dt: float) -> Events:
    """Return the events of a dense raster of spike values ``(steps, samples, *shape)``.

    They are those of `Events.from_raster`. Images may be in memory pixel by pixel, as those of
    torch's ``channels_last``; they are not copied.

    Parameters
    ----------
    raster : numpy.ndarray of float32 or float64, shape (steps, samples, *shape)
        Spike values.
    dt : float
        Length of a step, in seconds.

    Examples
    --------
    >>> events_of(np.array([[[0.0, 1.0]]]), 1e-3).node
    array([1], dtype=int32)
    """
    steps, samples, *shape = raster.shape
    real = raster.dtype if raster.dtype.itemsize >= 4 else np.float32  # vectors have two types
    by_pixel = np.moveaxis(raster, 2, -1)
    channels = shape[0] if len(shape) == 3 and by_pixel.flags.c_contiguous else 1
    flat = by_pixel if channels > 1 else raster
    flat = np.ascontiguousarray(flat, real).reshape(steps * samples, math.prod(shape))
    rows = spike_rows(flat, channels)
    each = np.diff(rows.start)
    sample = np.repeat(np.tile(np.arange(samples, dtype=np.int32), steps), each)
    step = np.repeat(np.repeat(np.arange(steps, dtype=np.int32), samples), each)
    one = not rows.value.size
    value = np.ones(len(rows.node), np.int8) if one else rows.value.astype(np.float64)
    return Events(sample, rows.node, step, value, dt)


@_compiled
def count_spikes(flat: np.ndarray, first: int, size: int) -> tuple[int, int]:
    """Return how many of ``flat[first:first + size]`` are not 0, and how many are 1."""
    total, of_one, whole = 0, 0, size // LANES * LANES
    for j in range(first, first + whole, LANES):
        total += ones(nonzero(flat, j))
        of_one += ones(single(flat, j))
    for j in range(first + whole, first + size):
        total += flat[j] != 0
        of_one += flat[j] == 1
    return total, of_one


@_compiled
def list_places(flat: np.ndarray, first: int, size: int, place: np.ndarray, k: int) -> int:
    """Write where ``flat[first:first + size]`` is not 0 into ``place[k:]``; return the new `k`."""
    whole = size // LANES * LANES
    for j in range(0, whole, LANES):
        bits = nonzero(flat, first + j)
        while bits:
            place[k] = j + lowest(bits)
            k += 1
            bits &= bits - np.uint32(1)
    for j in range(whole, size):
        if flat[first + j] != 0:
            place[k] = j
            k += 1
    return k


@_compiled
def _count(
    flat: np.ndarray, columns: int, low: int, high: int, found: np.ndarray, singles: np.ndarray
) -> None:
    for row in range(low, high):
        found[row], singles[row] = count_spikes(flat, row * columns, columns)


@_compiled
def _fill(
    flat: np.ndarray, columns: int, low: int, high: int, start: np.ndarray, node: np.ndarray,
    value: np.ndarray,
) -> None:  # fmt: skip
    for row in range(low, high):
        first = row * columns
        end = list_places(flat, first, columns, node, start[row])
        if value.size > 0:
            for i in range(start[row], end):
                value[i] = flat[first + node[i]]


@_compiled
def _fill_images(
    flat: np.ndarray, columns: int, channels: int, low: int, high: int, start: np.ndarray,
    node: np.ndarray, value: np.ndarray,
) -> None:  # fmt: skip
    pixels = columns // channels
    place, marks = np.empty(columns, np.int32), np.zeros(-(-columns // 32), np.uint32)
    for row in range(low, high):
        first, k = row * columns, start[row]
        found = list_places(flat, first, columns, place, 0)
        pixel = after = 0
        for i in range(found):
            while place[i] >= after + channels:
                after += channels
                pixel += 1
            at = (place[i] - after) * pixels + pixel
            marks[at >> 5] |= np.uint32(1) << np.uint32(at & 31)
        for word in range(marks.size):
            bits = marks[word]
            marks[word] = 0
            while bits:
                node[k] = word * 32 + lowest(bits)
                bits &= bits - np.uint32(1)
                k += 1
        if value.size > 0:
            for i in range(start[row], k):
                value[i] = flat[first + node[i] % pixels * channels + node[i] // pixels]
