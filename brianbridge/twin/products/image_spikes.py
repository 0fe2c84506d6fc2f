"""Find the spikes in images of spike values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.rasters import count_spikes, list_places
from brianbridge.kernels.threads import in_threads

__all__ = ["ImageSpikes", "find_in_images"]

_compiled = compiled(nogil=True, error_model="numpy")
#: Elements that are worth a thread.
_PART = 100_000
#: Most elements of a row of an image: places are 16 bits.
MOST = 2**16


@dataclass(frozen=True)
class ImageSpikes:
    """Hold the places of spikes in images, pixel after pixel.

    Parameters
    ----------
    first : numpy.ndarray of int64, shape (images*height*width + 1,)
        Pixel i has the entries ``first[i]:first[i + 1]``.
    place : numpy.ndarray of uint16, shape (spikes,)
        The place of each spike in its row of pixels, ``x*channels + channel``; in rising order.
    value : numpy.ndarray, shape (spikes,) or (0,)
        The spike values; none if all are 1.
    shape : tuple of int
        Images, height, width and channels.
    """

    first: np.ndarray
    place: np.ndarray
    value: np.ndarray
    shape: tuple[int, int, int, int]


def find_in_images(
    x: np.ndarray, most: Callable[[bool], float] | None = None
) -> ImageSpikes | None:
    """List the spikes of images; return None if there are too many.

    Parameters
    ----------
    x : numpy.ndarray, shape (images, height, width, channels)
        Spike values, contiguous. A row of pixels has at most 65,536 of them.
    most : callable, optional
        As in `by_row`.

    Examples
    --------
    >>> found = find_in_images(np.array([[[[0.0, 1], [1, 1]]]]))
    >>> found.first, found.place
    (array([0, 1, 3]), array([1, 2, 3], dtype=uint16))
    """
    images, height, width, channels = x.shape
    flat, rows, columns = x.reshape(-1), images * height, width * channels
    start = np.zeros(rows + 1, np.int64)
    graded = np.zeros(rows, np.bool_)
    least = max(1, _PART // max(1, columns))
    in_threads(lambda a, b: _count(flat, columns, a, b, start[1:], graded), rows, least)
    np.cumsum(start, out=start)
    others = bool(graded.any())
    if most is not None and start[-1] > most(others) * x.size:
        return None
    place, first = np.empty(start[-1], np.uint16), np.empty(rows * width + 1, np.int64)
    first[-1] = start[-1]
    in_threads(lambda a, b: _list(flat, width, channels, a, b, start, place, first), rows, least)
    value = flat[flat != 0] if others else np.empty(0, x.dtype)
    return ImageSpikes(first, place, value, (images, height, width, channels))


@_compiled
def _count(
    flat: np.ndarray, columns: int, low: int, high: int, found: np.ndarray, graded: np.ndarray
) -> None:
    for row in range(low, high):
        spikes, singles = count_spikes(flat, row * columns, columns)
        found[row], graded[row] = spikes, spikes != singles


@_compiled
def _list(
    flat: np.ndarray, width: int, channels: int, low: int, high: int, start: np.ndarray,
    place: np.ndarray, first: np.ndarray,
) -> None:  # fmt: skip
    for row in range(low, high):
        k, columns = start[row], width * channels
        end = list_places(flat, row * columns, columns, place, k)
        for x in range(width):
            first[row * width + x] = k
            while k < end and place[k] < (x + 1) * channels:
                k += 1
