"""Compile functions by numba, and keep the machine code where there is a place for it.

numba keeps what it compiled beside the module, or else in the user's cache folder. In a container
or on a cluster neither may be writable, and numba then refuses to compile at all. Here the
functions are compiled without a cache: each process waits some seconds more, and is told so once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Return a decorator that compiles a function, with a cache where one can be kept.

    Parameters
    ----------
    **options
        Of `numba.njit`.

    Examples
    --------
    >>> @compiled(nogil=True)
    ... def double(x):
    ...     return 2*x
    >>> double(3.0)
    6.0
    """

    def decorate(function: Any) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "cache" not in str(error):
                raise
            _tell()
            return njit(**options)(function)

    return decorate


@cache
def _tell() -> None:
    logging.getLogger(__name__).warning(
        "no place for numba's cache: compiled code is not kept, so that each process compiles it "
        "anew; set NUMBA_CACHE_DIR to a folder that you can write to"
    )
