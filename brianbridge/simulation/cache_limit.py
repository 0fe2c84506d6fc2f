"""Limit the size of Brian2's caches of parsed code.

Brian2 caches the result of every parsing step until the process ends, some kilobytes for each line
of each group. A session that simulates many networks, such as a search over architectures, would
use more and more memory.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

__all__ = ["trim_caches"]

#: Largest number of entries of each cache: those of dozens of networks, some 20 MB in all.
LIMIT = 5000


def trim_caches(limit: int | None = None) -> None:
    """Remove the oldest entries of Brian2's caches; they are parsed again when needed.

    Call it while no other thread prepares a network: Brian2 looks an entry up in two steps.

    Parameters
    ----------
    limit : int, optional
        Largest number of entries of each cache; `LIMIT` if not given.

    Examples
    --------
    >>> trim_caches()
    """
    limit = LIMIT if limit is None else limit
    for cache in _caches():
        for key in list(islice(cache, max(0, len(cache) - limit))):
            del cache[key]


def _caches() -> list[dict[Any, Any]]:
    """Return the caches whose keys hold the sizes or the values of single groups."""
    from brian2.codegen.translation import make_statements
    from brian2.stateupdaters.base import StateUpdateMethod

    return [make_statements._cache, StateUpdateMethod.apply_stateupdater._cache]
