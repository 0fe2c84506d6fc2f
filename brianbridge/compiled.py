"""Compile functions with numba, with a cache on disk if possible.

numba caches machine code beside the module, or in the user's cache folder. In a container or on a
cluster both may be read-only, and numba then refuses to compile. In that case functions are
compiled without a cache: each process takes some seconds longer, and logs one warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Return a decorator that compiles a function, with a cache on disk if possible.

    Parameters
    ----------
    **options
        Options of `numba.njit`.

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
            _warn_once()
            return njit(**options)(function)

    return decorate


@cache
def _warn_once() -> None:
    logging.getLogger(__name__).warning(
        "no place for numba's cache: every process compiles the functions again; set "
        "NUMBA_CACHE_DIR to a folder that you can write to"
    )
