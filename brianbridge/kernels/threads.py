"""Share compiled work, which releases Python's lock, between torch's own threads.

torch's threads wait for work by spinning. Other threads would share their cores with them, and take
several times as long. So the work is handed to the team of torch's OpenMP library, where that is
GNU's or compatible with it; elsewhere to a pool of Python's threads.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_info

from brianbridge.kernels.vectors import LANES

__all__ = ["in_threads"]

#: Parts for each thread.
_PARTS = 4

_Body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_pool: ThreadPoolExecutor | None = None


def in_threads(work: Callable[[int, int], object], size: int, least: int) -> None:
    """Call ``work(low, high)`` for parts of ``range(size)``, at the same time.

    Parameters
    ----------
    work : callable
        Does a part of the work. Parts must not depend on each other.
    size : int
        Size of the whole.
    least : int
        Least size of a part that is worth a thread. Parts begin at multiples of 16.

    Examples
    --------
    >>> parts = []
    >>> in_threads(lambda low, high: parts.append((low, high)), 100, least=100)
    >>> parts
    [(0, 100)]
    """
    threads = max(1, min(torch.get_num_threads(), size // max(1, least)))
    if threads == 1:
        work(0, size)
        return
    # A thread may be held up by others on its core: smaller parts go to whoever is free.
    number = min(_PARTS * threads, max(1, size // LANES))
    bounds = [size * i // number // LANES * LANES for i in range(number)] + [size]
    parts, errors = iter(list(pairwise(bounds))), []

    def take(_: Any = None) -> None:
        try:
            for low, high in parts:
                work(low, high)
        except BaseException as error:
            errors.append(error)

    team = _team()
    if team is None:
        others = [_threads().submit(take) for _ in range(threads - 1)]
        take()
        for one in others:  # no part may still write when the caller goes on
            one.result()
    else:
        team(_Body(take), None, threads, 0)
    if errors:
        raise errors[0]


@cache
def _team() -> Any:
    """Return the function of torch's OpenMP library that runs a body in all its threads."""
    home = Path(torch.__file__).parent
    for library in threadpool_info():
        path = Path(library["filepath"])
        ours = home in path.parents or home.parent / "torch.libs" in path.parents
        if library["user_api"] != "openmp" or not ours:
            continue
        run = getattr(ctypes.CDLL(str(path)), "GOMP_parallel", None)
        if run is not None:
            run.restype = None
            run.argtypes = [_Body, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            return run
    return None


def _threads() -> ThreadPoolExecutor:
    """Return the pool of this process; threads do not survive a fork."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "brianbridge")
    return _pool


def _forget() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
