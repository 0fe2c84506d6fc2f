"""Show how far a fit is, unless the user does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from brianbridge.progress import Progress

__all__ = ["Told", "telling"]

#: Called with the number of simulations, the largest number and the least loss.
Told = Callable[[int, int, float], None]


@contextmanager
def telling(progress: Told | None) -> Iterator[Told]:
    """Yield the function that a search calls after each simulation.

    Parameters
    ----------
    progress : callable, optional
        The user's function; if there is none, progress is shown.
    """
    if progress is not None:
        yield progress
        return
    with Progress().count("fit", 0, "simulations") as counter:
        yield lambda number, most, loss: counter.reach(number, most, f"loss {loss:.3g}")
