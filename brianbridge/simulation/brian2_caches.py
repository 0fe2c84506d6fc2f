"""Bound what Brian2 keeps of the code that it has read.

Brian2 keeps the outcome of every parsing step for as long as the process lives, some kilobytes
for each line of each group. A session that simulates one network after the other, as a search
over architectures does, would grow without end.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

__all__ = ["forget_oldest"]

#: Entries that each cache keeps: those of dozens of networks, some 20 MB in all.
MOST = 5000


def forget_oldest(most: int | None = None) -> None:
    """Remove the oldest entries of each of Brian2's caches; what is needed again is parsed again.

    Call it while no other thread prepares a network: Brian2 looks an entry up in two steps.

    Parameters
    ----------
    most : int, optional
        Entries that stay in each cache; `MOST` if not given.

    Examples
    --------
    >>> forget_oldest()
    """
    most = MOST if most is None else most
    for cache in _caches():
        for key in list(islice(cache, max(0, len(cache) - most))):
            del cache[key]


def _caches() -> list[dict[Any, Any]]:
    """Return the caches whose keys hold the sizes or the values of single groups."""
    from brian2.codegen.translation import make_statements
    from brian2.stateupdaters.base import StateUpdateMethod

    return [make_statements._cache, StateUpdateMethod.apply_stateupdater._cache]
