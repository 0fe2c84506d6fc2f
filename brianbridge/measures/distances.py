"""Distances between two spike trains, by their definitions.

Times are in seconds. Both distances have one time scale: of differences far below it they are
small, far above it spikes count as different ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["van_rossum", "victor_purpura"]


def van_rossum(one: ArrayLike, other: ArrayLike, tau: float) -> float:
    """Return the distance of van Rossum (2001, Neural Comput. 13:751).

    Each spike starts an exponential of time constant `tau`; the distance is the root of the
    integral of the squared difference, divided by `tau`, in its closed form (Houghton & Kreuz 2012,
    Network 23:48): ``D**2`` is the sum of ``exp(-abs(s - t)/tau)/2`` within each train minus
    between them. One spike more is ``sqrt(1/2)``, as in elephant a factor of sqrt(2) more.

    Parameters
    ----------
    one, other : array, shape (spikes,)
        Spike times, in seconds.
    tau : float
        Time constant, in seconds.

    Examples
    --------
    >>> round(van_rossum([0.01], [], 0.01), 4), van_rossum([0.01], [0.01], 0.01)
    (0.7071, 0.0)
    """
    s, t = np.asarray(one, dtype=float), np.asarray(other, dtype=float)

    def overlap(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.exp(-np.abs(x[:, None] - y[None]) / tau).sum()) / 2

    return float(np.sqrt(max(0.0, overlap(s, s) + overlap(t, t) - 2 * overlap(s, t))))


def victor_purpura(one: ArrayLike, other: ArrayLike, cost: float) -> float:
    """Return the distance of Victor & Purpura (1996, J. Neurophysiol. 76:1310).

    The least that turns one train into the other costs: 1 for a spike that is taken away or added,
    and ``cost*abs(dt)`` for one that is moved by ``dt``.

    Parameters
    ----------
    one, other : array, shape (spikes,)
        Spike times, in seconds.
    cost : float
        Of moving a spike, per second; above ``2/dt`` it is cheaper to replace it.

    Examples
    --------
    >>> round(victor_purpura([0.010, 0.030], [0.012], cost=100.0), 4)
    1.2
    """
    s, t = np.sort(np.asarray(one, dtype=float)), np.sort(np.asarray(other, dtype=float))
    row = np.arange(len(t) + 1, dtype=float)
    for number, time in enumerate(s, 1):
        moved = row[:-1] + cost * np.abs(time - t)
        best = np.minimum(row[1:] + 1, moved)
        new = np.empty_like(row)
        new[0] = number
        for j, value in enumerate(best, 1):
            new[j] = min(value, new[j - 1] + 1)
        row = new
    return float(row[-1])
