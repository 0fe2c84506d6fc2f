"""The products of spikes and weights: add the weights of each spike.

Columns of the result are computed 64 at a time, and spikes in blocks of 512 neurons (forward) or
rows (gradient). What a block adds, 512 rows of 64 numbers, then stays in the second cache of the
processor. Each sum is added up in the order of its spikes, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.memory import reused, scratch
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.vectors import LANES, add, load, multiply, spread, store
from brianbridge.twin.products.spike_lists import BLOCK, SpikeLists

__all__ = ["product", "weight_gradient"]

_compiled = compiled(nogil=True, error_model="numpy")
#: Columns that are summed at once, in four vectors.
_WIDTH = 64
#: Additions that are worth a thread.
_PART = 1_000_000


def product(lists: SpikeLists, weight: np.ndarray) -> np.ndarray:
    """Return the product of spikes, listed by row, and the transpose of a matrix of weights.

    Parameters
    ----------
    lists : SpikeLists
        Lists of a matrix of shape (rows, sources).
    weight : numpy.ndarray, shape (targets, sources)
        A contiguous matrix, of the type of the spike values.

    Returns
    -------
    numpy.ndarray, shape (rows, targets)

    Examples
    --------
    >>> from brianbridge.twin.products.spike_lists import by_row
    >>> product(by_row(np.array([[1.0, 0, 1]])), np.array([[1.0, 2, 3], [4, 5, 6]]))
    array([[ 4., 10.]])
    """
    targets = len(weight)
    return _in_tiles(_product, lists, weight, targets, (lists.shape[0], targets))


def weight_gradient(lists: SpikeLists, gradient: np.ndarray) -> np.ndarray:
    """Return the product of the transpose of a gradient, and spikes that are listed by column.

    Parameters
    ----------
    lists : SpikeLists
        Lists of a matrix of shape (sources, rows).
    gradient : numpy.ndarray, shape (rows, targets)
        A contiguous matrix, of the type of the spike values.

    Returns
    -------
    numpy.ndarray, shape (targets, sources)

    Examples
    --------
    >>> from brianbridge.twin.products.spike_lists import by_column, by_row
    >>> weight_gradient(by_column(by_row(np.array([[1.0, 0], [1, 1]]))), np.array([[1.0], [2]]))
    array([[3., 2.]])
    """
    targets = gradient.shape[1]
    return _in_tiles(_weight_gradient, lists, gradient, targets, (targets, lists.shape[0]))


def _in_tiles(
    work: Callable[..., None],
    lists: SpikeLists,
    matrix: np.ndarray,
    targets: int,
    shape: tuple[int, int],
) -> np.ndarray:
    result = reused(shape, matrix.dtype)
    flat, out = matrix.reshape(-1), result.reshape(-1)
    graded = lists.value.size > 0
    rows, columns = lists.shape

    def part(low: int, high: int) -> None:
        total, tile = np.split(scratch((rows + BLOCK) * _WIDTH, matrix.dtype), [rows * _WIDTH])
        work(
            lists.start, lists.place, lists.value, graded, rows, columns, flat, targets,
            low // LANES, high // LANES, total, tile, out,
        )  # fmt: skip

    # Parts begin at multiples of 16.
    tiles = -(-targets // _WIDTH) * LANES
    # Each tile is filled number by number.
    additions = (len(lists.place) + rows * lists.blocks) * _WIDTH // LANES + columns * _WIDTH
    in_threads(part, tiles, least=max(LANES, _PART // max(1, additions)))
    return result


@compiled(nogil=True, error_model="numpy", inline="always")
def _add_block(
    start: np.ndarray, place: np.ndarray, value: np.ndarray, graded: bool, rows: int, blocks: int,
    block: int, tile: np.ndarray, total: np.ndarray,
) -> None:  # fmt: skip
    """Add the rows of a tile that the spikes of a block name."""
    none = spread(tile.dtype.type(0))
    for i in range(rows):
        at = i * 64
        begin, end = start[i * blocks + block], start[i * blocks + block + 1]
        if begin == end:
            if block == 0:
                for j in range(at, at + 64, 16):
                    store(total, j, none)
            continue
        if block == 0:
            a = b = c = d = none
        else:
            a, b = load(total, at), load(total, at + 16)
            c, d = load(total, at + 32), load(total, at + 48)
        if graded:
            for k in range(begin, end):
                row, scale = np.intp(place[k]) * 64, spread(value[k])
                a = add(a, multiply(scale, load(tile, row)))
                b = add(b, multiply(scale, load(tile, row + 16)))
                c = add(c, multiply(scale, load(tile, row + 32)))
                d = add(d, multiply(scale, load(tile, row + 48)))
        else:
            for k in range(begin, end):
                row = np.intp(place[k]) * 64
                a = add(a, load(tile, row))
                b = add(b, load(tile, row + 16))
                c = add(c, load(tile, row + 32))
                d = add(d, load(tile, row + 48))
        store(total, at, a)
        store(total, at + 16, b)
        store(total, at + 32, c)
        store(total, at + 48, d)


@_compiled
def _product(
    start: np.ndarray, place: np.ndarray, value: np.ndarray, graded: bool, rows: int, columns: int,
    weight: np.ndarray, targets: int, low: int, high: int, total: np.ndarray,
    tile: np.ndarray, result: np.ndarray,
) -> None:  # fmt: skip
    blocks = (columns + BLOCK - 1) // BLOCK
    tile[:] = 0
    for c in range(low, high):
        first, most = c * 64, min(64, targets - c * 64)
        for block in range(blocks):
            size = min(BLOCK, columns - block * BLOCK)
            for j in range(most):
                source = (first + j) * columns + block * BLOCK
                for i in range(size):
                    tile[i * 64 + j] = weight[source + i]
            _add_block(start, place, value, graded, rows, blocks, block, tile, total)
        for i in range(rows):
            if most == 64:
                for j in range(0, 64, 16):
                    store(result, i * targets + first + j, load(total, i * 64 + j))
            else:
                for j in range(most):
                    result[i * targets + first + j] = total[i * 64 + j]


@_compiled
def _weight_gradient(
    start: np.ndarray, place: np.ndarray, value: np.ndarray, graded: bool, rows: int, columns: int,
    gradient: np.ndarray, targets: int, low: int, high: int, total: np.ndarray,
    tile: np.ndarray, result: np.ndarray,
) -> None:  # fmt: skip
    blocks = (columns + BLOCK - 1) // BLOCK
    tile[:] = 0
    for c in range(low, high):
        first, most = c * 64, min(64, targets - c * 64)
        for block in range(blocks):
            size = min(BLOCK, columns - block * BLOCK)
            for i in range(size):
                source = (block * BLOCK + i) * targets + first
                if most == 64:
                    for j in range(0, 64, 16):
                        store(tile, i * 64 + j, load(gradient, source + j))
                else:
                    for j in range(most):
                        tile[i * 64 + j] = gradient[source + j]
            _add_block(start, place, value, graded, rows, blocks, block, tile, total)
        # Some rows at a time, so that both sides of the transposition stay in the cache.
        for i in range(0, rows, 16):
            for j in range(most):
                for k in range(i, min(i + 16, rows)):
                    result[(first + j) * rows + k] = total[k * 64 + j]
