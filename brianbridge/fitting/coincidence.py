"""The coincidence factor Gamma of two spike trains."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["coincidence"]


def coincidence(fitted: ArrayLike, recorded: ArrayLike, precision: float, duration: float) -> float:
    """Return how many spikes coincide, beyond chance (Kistler et al. 1997, Neural Comput. 9:1015).

    1 means that all spikes coincide, 0 as many as with a Poisson process of the rate of the fitted
    train.

    Parameters
    ----------
    fitted, recorded : array, shape (spikes,)
        Spike times, in seconds, in order.
    precision : float
        The largest distance of spikes that coincide, in seconds.
    duration : float
        Length of the trains, in seconds.

    Examples
    --------
    >>> coincidence([0.1, 0.3], [0.101, 0.302], 2e-3, 1.0)
    1.0
    >>> coincidence([], [0.1], 2e-3, 1.0)
    0.0
    """
    one, other = np.asarray(fitted, float), np.asarray(recorded, float)
    if not one.size or not other.size:
        return float(one.size == other.size)
    place = np.searchsorted(one, other)
    before, after = one[np.maximum(place - 1, 0)], one[np.minimum(place, one.size - 1)]
    # Times are whole steps: a distance of just `precision` counts, whatever rounding says.
    near = np.minimum(abs(other - before), abs(other - after)) <= precision * (1 + 1e-9)
    chance = 2 * precision * one.size / duration
    if chance >= 1:
        return 0.0
    by_chance = chance * other.size
    found = (near.sum() - by_chance) / ((one.size + other.size) / 2) / (1 - chance)
    return float(min(found, 1.0))
