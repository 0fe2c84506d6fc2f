"""The product of the spikes of one step, added to what the neurons receive anyway."""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.rasters import list_places
from brianbridge.kernels.vectors import add, load, multiply, spread, store

__all__ = ["add_rows"]


@compiled(nogil=True, error_model="numpy")
def add_rows(
    spikes: np.ndarray, sources: int, weights: np.ndarray, targets: int, low: int, high: int,
    total: np.ndarray,
) -> None:  # fmt: skip
    """Add the weights of all spikes of some samples to the neurons that receive them.

    Parameters
    ----------
    spikes : numpy.ndarray, shape (batch*sources,)
        Spike values.
    sources, targets : int
        Numbers of neurons.
    weights : numpy.ndarray, shape (sources*targets,)
        The weights from each source.
    low, high : int
        The samples are those from `low` to ``high - 1``.
    total : numpy.ndarray, shape (batch*targets,)
        The input of the targets; it is changed.

    Examples
    --------
    >>> total = np.ones(2)
    >>> add_rows(np.array([1.0, 0, 1]), 3, np.arange(6.0), 2, 0, 1, total)
    >>> total
    array([5., 7.])
    """
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
