"""Distances of two spike trains.

Each is 0 for trains that are the same. Divided by what they are if no spikes coincide, they are the
losses of a fit: `LOSSES`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from brianbridge.fitting.coincidence import coincidence

__all__ = ["LOSSES", "van_rossum", "victor_purpura"]


def van_rossum(one: ArrayLike, other: ArrayLike, time_constant: float) -> float:
    """Return the squared distance of van Rossum (2001, Neural Comput. 13:751).

    Each spike becomes an exponential that decays with a time constant. The distance is the integral
    of the squared difference of both sums, divided by the time constant: 1/2 for one spike more.

    Parameters
    ----------
    one, other : array, shape (spikes,)
        Spike times, in seconds.
    time_constant : float
        In seconds.

    Examples
    --------
    >>> van_rossum([0.1], [], 2e-3), van_rossum([0.1], [0.1], 2e-3)
    (0.5, 0.0)
    >>> round(van_rossum([0.1], [0.102], 2e-3), 3)                 # 1 - exp(-1)
    0.632
    """
    times = np.concatenate([np.asarray(one, float), np.asarray(other, float)])
    signs = np.repeat([1.0, -1.0], [np.size(one), np.size(other)])
    order = np.argsort(times, kind="stable")
    if not len(order):
        return 0.0
    decays = np.exp(-np.diff(times[order], prepend=times[order[0]]) / time_constant)
    difference, products = 0.0, 0.0
    for sign, decay in zip(signs[order].tolist(), decays.tolist(), strict=True):
        difference *= decay
        products += sign * difference
        difference += sign
    # Rounding may leave a little less than 0.
    return max(0.0, len(order) / 2 + products)


def victor_purpura(one: ArrayLike, other: ArrayLike, cost: float) -> float:
    """Return the distance of Victor and Purpura (1996, J. Neurophysiol. 76:1310).

    It is the least cost to make one train the other: 1 to add or remove a spike, and `cost` to move
    one by a second.

    Parameters
    ----------
    one, other : array, shape (spikes,)
        Spike times, in seconds, in order.
    cost : float
        In 1/seconds.

    Examples
    --------
    >>> victor_purpura([0.1], [0.1, 0.2], 500)
    1.0
    >>> round(victor_purpura([0.1], [0.101], 500), 3), victor_purpura([0.1], [0.2], 500)
    (0.5, 2.0)
    """
    first, second = np.asarray(one, float), np.asarray(other, float)
    number = np.arange(second.size + 1.0)
    costs = number  # of the first spikes of `other`, before any of `one`
    for time in first:
        moved = costs[:-1] + cost * abs(second - time)
        best = np.append(costs[0] + 1, np.minimum(costs[1:] + 1, moved))
        # Each further spike of `other` may also be added.
        costs = number + np.minimum.accumulate(best - number)
    return float(costs[-1])


def _van_rossum_loss(one: np.ndarray, other: np.ndarray, precision: float, _: float) -> float:
    return 2 * van_rossum(one, other, precision) / max(1, one.size + other.size)


def _victor_purpura_loss(one: np.ndarray, other: np.ndarray, precision: float, _: float) -> float:
    return victor_purpura(one, other, 1 / precision) / max(1, one.size + other.size)


def _gamma_loss(one: np.ndarray, other: np.ndarray, precision: float, duration: float) -> float:
    return 1 - coincidence(one, other, precision, duration)


#: Losses of fitted and recorded spike times, by precision and duration (s): about 1 if nothing
#: coincides.
LOSSES: dict[str, Callable[[np.ndarray, np.ndarray, float, float], float]] = {
    "gamma": _gamma_loss,
    "van_rossum": _van_rossum_loss,
    "victor_purpura": _victor_purpura_loss,
}
