"""Find the spikes in a matrix of spike values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.rasters import count_spikes, list_places
from brianbridge.kernels.threads import in_threads

__all__ = ["BLOCK", "SpikeLists", "by_column", "by_row", "matrix_of"]

_compiled = compiled(nogil=True, error_model="numpy")
#: A list has the spikes of so many neighbours, at most 2**16.
BLOCK = 512
#: Elements that are worth a thread.
_PART = 100_000


@dataclass(frozen=True)
class SpikeLists:
    """Hold the places of spikes, list after list.

    Each row of a matrix has a list for its first 512 columns, one for the next, and so on. Lists of
    columns are the same of the transpose.

    Parameters
    ----------
    start : numpy.ndarray of int64, shape (rows*blocks + 1,)
        List i has the entries ``start[i]:start[i + 1]``.
    place : numpy.ndarray of uint16, shape (spikes,)
        The column of each spike, counted from the first one of its block; in rising order.
    value : numpy.ndarray, shape (spikes,) or (0,)
        The spike values; none if all are 1.
    shape : tuple of int
        Rows and columns.
    """

    start: np.ndarray
    place: np.ndarray
    value: np.ndarray
    shape: tuple[int, int]

    @property
    def blocks(self) -> int:
        """Number of lists of a row."""
        return blocks_of(self.shape[1])


def blocks_of(columns: int) -> int:
    """Return the number of lists of a row with so many columns."""
    return -(-columns // BLOCK)


def by_row(x: np.ndarray, most: Callable[[bool], float] | None = None) -> SpikeLists | None:
    """List the spikes of each row of a contiguous matrix; return None if there are too many.

    Parameters
    ----------
    x : numpy.ndarray, shape (rows, columns)
        Spike values.
    most : callable, optional
        ``most(graded)`` returns the largest share of spikes, by whether some values are not 1; any
        number of spikes if not given.

    Examples
    --------
    >>> by_row(np.array([[0, 1, 1], [0, 0, 2.0]])).place
    array([1, 2, 2], dtype=uint16)
    """
    rows, columns = x.shape
    flat, blocks = x.reshape(-1), blocks_of(columns)
    start = np.zeros(rows * blocks + 1, np.int64)
    graded = np.zeros(rows, np.bool_)

    def find(low: int, high: int) -> None:
        _count_blocks(flat, columns, blocks, low, high, start[1:], graded)

    def fill(low: int, high: int) -> None:
        _list(flat, columns, blocks, low, high, start, place)

    in_threads(find, rows, _rows(columns))
    np.cumsum(start, out=start)
    others = bool(graded.any())
    if most is not None and start[-1] > most(others) * x.size:
        return None
    place = np.empty(start[-1], np.uint16)
    in_threads(fill, rows, _rows(columns))
    value = x[x != 0] if others else np.empty(0, x.dtype)
    return SpikeLists(start, place, value, (rows, columns))


def by_column(lists: SpikeLists) -> SpikeLists:
    """Turn the lists of rows into lists of columns.

    Examples
    --------
    >>> by_column(by_row(np.array([[0, 1, 1], [0, 0, 2.0]]))).value
    array([1., 1., 2.])
    """
    rows, columns = lists.shape
    start = np.zeros(columns * blocks_of(rows) + 1, np.int64)
    place, value = np.empty_like(lists.place), np.empty_like(lists.value)
    _turn(
        lists.start, lists.place, lists.value, rows, lists.blocks, start, blocks_of(rows), place,
        value,
    )  # fmt: skip
    return SpikeLists(start, place, value, (columns, rows))


def matrix_of(lists: SpikeLists) -> np.ndarray:
    """Return the matrix of which these are the lists.

    Examples
    --------
    >>> matrix_of(by_row(np.array([[0, 1, 1], [0, 0, 2.0]])))
    array([[0., 1., 1.],
           [0., 0., 2.]])
    """
    each = np.repeat(np.arange(len(lists.start) - 1), np.diff(lists.start))
    found = np.zeros(lists.shape, lists.value.dtype)
    column = each % lists.blocks * BLOCK + lists.place
    found[each // lists.blocks, column] = lists.value if lists.value.size else 1
    return found


def _rows(columns: int) -> int:
    return max(1, _PART // max(1, columns))


@_compiled
def _count_blocks(
    flat: np.ndarray, columns: int, blocks: int, low: int, high: int, found: np.ndarray,
    graded: np.ndarray,
) -> None:  # fmt: skip
    for row in range(low, high):
        spikes = singles = 0
        for block in range(blocks):
            first = row * columns + block * BLOCK
            size = min(BLOCK, columns - block * BLOCK)
            total, of_one = count_spikes(flat, first, size)
            singles += of_one
            found[row * blocks + block] = total
            spikes += total
        graded[row] = spikes != singles


@_compiled
def _list(
    flat: np.ndarray, columns: int, blocks: int, low: int, high: int, start: np.ndarray,
    place: np.ndarray,
) -> None:  # fmt: skip
    k = start[low * blocks]
    for row in range(low, high):
        for block in range(blocks):
            first = row * columns + block * BLOCK
            size = min(BLOCK, columns - block * BLOCK)
            k = list_places(flat, first, size, place, k)


@_compiled
def _turn(
    start: np.ndarray, place: np.ndarray, value: np.ndarray, rows: int, blocks: int,
    turned_start: np.ndarray, turned_blocks: int, turned: np.ndarray, turned_value: np.ndarray,
) -> None:  # fmt: skip
    for row in range(rows):
        there = row // BLOCK + 1
        for block in range(blocks):
            for k in range(start[row * blocks + block], start[row * blocks + block + 1]):
                turned_start[(block * BLOCK + place[k]) * turned_blocks + there] += 1
    for j in range(1, len(turned_start)):
        turned_start[j] += turned_start[j - 1]
    at = turned_start[:-1].copy()
    for row in range(rows):
        there, within = row // BLOCK, row % BLOCK
        for block in range(blocks):
            for k in range(start[row * blocks + block], start[row * blocks + block + 1]):
                cell = (block * BLOCK + place[k]) * turned_blocks + there
                turned[at[cell]] = within
                if value.size > 0:
                    turned_value[at[cell]] = value[k]
                at[cell] += 1
