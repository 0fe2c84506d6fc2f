"""Run a function in a fresh process, whose memory holds nothing else."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

__all__ = ["in_fresh_process"]


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a function in a new Python.

    Parameters
    ----------
    function : callable
        A function of a module.
    *arguments
        Its arguments; they are pickled.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(function, *arguments).result()
