"""Memory of large arrays that is used again.

Fresh memory comes from the operating system page by page. For an array of some megabytes that takes
longer than to fill it, and training makes the same arrays anew in each step.
"""

from __future__ import annotations

import math
import mmap
import threading
import weakref
from contextlib import suppress
from typing import Any

import numpy as np

__all__ = ["aligned", "reused", "scratch"]

#: Bytes from which on memory is kept, and the most that is kept while no array uses it.
_LEAST, _MOST = 2**18, 2**28

#: Bytes of a line of the cache, or several.
_LINE = 64

_free: dict[int, list[mmap.mmap]] = {}
_kept = 0
_lock = threading.RLock()
_of_thread = threading.local()


def reused(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array with any values, in memory that an earlier array may have left.

    The memory is left when the array, and every array and tensor that shares its memory, is gone.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its type.

    Examples
    --------
    >>> reused((2, 3), np.float32).shape
    (2, 3)
    """
    global _kept
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _LEAST:
        return np.empty(shape, dtype)
    with _lock:
        memory = _left(size)
    if memory is None:
        memory = mmap.mmap(-1, size)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a kernel without large pages
                memory.madvise(mmap.MADV_HUGEPAGE)
    # Views of this array, and tensors, hold the array itself: its memory is no array.
    owner = np.frombuffer(memory, np.uint8)
    weakref.finalize(owner, _leave, memory).atexit = False
    return owner[:size].view(dtype).reshape(shape)


def _left(size: int) -> mmap.mmap | None:
    """Take the smallest memory that was left, of at least this size and at most twice it."""
    global _kept
    fitting = [n for n, left in _free.items() if left and size <= n <= 2 * size]
    if not fitting:
        return None
    memory = _free[min(fitting)].pop()
    _kept -= len(memory)
    return memory


def _leave(memory: mmap.mmap) -> None:
    global _kept
    size = len(memory)
    with _lock:
        if _kept + size <= _MOST:
            _free.setdefault(size, []).append(memory)
            _kept += size


def scratch(size: int, dtype: Any) -> np.ndarray:
    """Return this thread's array for intermediate values; the next call returns the same memory.

    It begins at a line of the processor's cache, so that no vector lies in two.

    Examples
    --------
    >>> scratch(5, np.float64).shape
    (5,)
    """
    needed = size * np.dtype(dtype).itemsize
    kept: np.ndarray | None = getattr(_of_thread, "scratch", None)
    if kept is None or kept.nbytes < needed:
        kept = _of_thread.scratch = aligned(needed, np.uint8)
    return kept[:needed].view(dtype)


def aligned(size: int, dtype: Any) -> np.ndarray:
    """Return an array of zeros that begins at a line of the processor's cache.

    Examples
    --------
    >>> aligned(5, np.float64).ctypes.data % 64
    0
    """
    needed = size * np.dtype(dtype).itemsize
    memory = np.zeros(needed + _LINE, np.uint8)
    return memory[-memory.ctypes.data % _LINE :][:needed].view(dtype)
