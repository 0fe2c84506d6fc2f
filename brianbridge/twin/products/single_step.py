"""The product of the spikes of one step, added to what the neurons receive anyway."""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.rasters import list_places
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.vectors import add, load, multiply, spread, store

__all__ = ["add_spikes"]

#: Samples that are worth a thread.
_PART = 16


def add_spikes(spikes: np.ndarray, transposed: np.ndarray, total: np.ndarray) -> None:
    """Add the weights of all spikes to the neurons that receive them.

    Parameters
    ----------
    spikes : numpy.ndarray, shape (batch, sources)
        Spike values, contiguous.
    transposed : numpy.ndarray, shape (sources, targets)
        Weights, contiguous.
    total : numpy.ndarray, shape (batch, targets)
        What the neurons receive, contiguous; it is changed.

    Examples
    --------
    >>> total = np.ones((1, 2))
    >>> add_spikes(np.array([[1.0, 0, 1]]), np.arange(6.0).reshape(3, 2), total)
    >>> total
    array([[5., 7.]])
    """
    flat, weights, out = spikes.reshape(-1), transposed.reshape(-1), total.reshape(-1)
    sources, targets = transposed.shape

    def part(low: int, high: int) -> None:
        _add(flat, sources, weights, targets, low, high, out)

    in_threads(part, len(spikes), _PART)


@compiled(nogil=True, error_model="numpy")
def _add(
    spikes: np.ndarray, sources: int, weights: np.ndarray, targets: int, low: int, high: int,
    total: np.ndarray,
) -> None:  # fmt: skip
    rows = high - low
    place, end = np.empty(rows * sources, np.uint32), np.zeros(rows + 1, np.intp)
    for row in range(rows):
        end[row + 1] = list_places(spikes, (low + row) * sources, sources, place, end[row])
    width = targets // 64 * 64
    # The weights of 64 targets stay in the cache for all samples.
    for c in range(0, width, 64):
        for row in range(rows):
            first, at = (low + row) * sources, (low + row) * targets + c
            a, b = load(total, at), load(total, at + 16)
            d, e = load(total, at + 32), load(total, at + 48)
            for k in range(end[row], end[row + 1]):
                source = np.intp(place[k])
                scale = spread(spikes[first + source])
                there = source * targets + c
                a = add(a, multiply(scale, load(weights, there)))
                b = add(b, multiply(scale, load(weights, there + 16)))
                d = add(d, multiply(scale, load(weights, there + 32)))
                e = add(e, multiply(scale, load(weights, there + 48)))
            store(total, at, a)
            store(total, at + 16, b)
            store(total, at + 32, d)
            store(total, at + 48, e)
    for row in range(rows):
        first, at = (low + row) * sources, (low + row) * targets
        for k in range(end[row], end[row + 1]):
            source = np.intp(place[k])
            for c in range(width, targets):
                total[at + c] += spikes[first + source] * weights[source * targets + c]
