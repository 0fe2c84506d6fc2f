"""How well a fit determines its parameters: intervals, and combinations that stay free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from brianbridge.fitting.ranges import Ranges

__all__ = ["Identified", "identified"]

#: A direction is free if its standard deviation is more than this share of the range, or if its
#: curvature is this much less than the largest one: then rounding decides.
_FREE, _FLAT = 0.5, 1e-11
#: A parameter belongs to a direction with at least this share of its length.
_PART = 0.3
_PROBABILITY = 0.95


@dataclass(frozen=True)
class Identified:
    """Hold the intervals of parameters, and which combinations are free.

    Parameters
    ----------
    low, high : numpy.ndarray, shape (parameters,)
        Bounds of the intervals, in SI units; not beyond the ranges.
    free : tuple of tuple of str
        Combinations of parameters that change the traces little or not at all, by their names.
    """

    low: np.ndarray
    high: np.ndarray
    free: tuple[tuple[str, ...], ...]


def identified(
    ranges: Ranges, z: np.ndarray, loss: float, curvature: np.ndarray, values: int
) -> Identified:
    """Return intervals of 95 % from the Fisher information at the minimum.

    They hold if differences from the recording are independent noise of one variance. Where the
    model itself differs from the neuron, they are too narrow.

    Parameters
    ----------
    ranges : Ranges
        The parameters.
    z : numpy.ndarray, shape (parameters,)
        The minimum, in coordinates from 0 to 1.
    loss : float
        The sum of squares there.
    curvature : numpy.ndarray, shape (parameters, parameters)
        Half of its second derivative.
    values : int
        Number of recorded values with a weight.

    Examples
    --------
    >>> from brian2.units.fundamentalunits import DIMENSIONLESS
    >>> two = Ranges(("a", "b"), np.zeros(2), np.ones(2), (DIMENSIONLESS,) * 2)
    >>> same = np.array([[1.0, 1.0], [1.0, 1.0]])              # only a + b matters
    >>> identified(two, np.array([0.5, 0.5]), 0.1, same, 1000).free
    (('a', 'b'),)
    """
    variance = loss / max(1, values - len(z))
    curvatures, directions = np.linalg.eigh(curvature)
    flat = curvatures <= _FLAT * max(curvatures.max(), 1e-300)
    deviation = np.sqrt(variance / np.where(flat, np.inf, curvatures))
    free = flat | (deviation > _FREE)
    # Along a free direction a parameter may be anywhere in its range.
    spread = np.where(free, 1.0, norm.ppf(0.5 + _PROBABILITY / 2) * deviation)
    half = np.sqrt(((directions * spread) ** 2).sum(1))
    bounds = ranges.values(np.clip(np.stack([z - half, z + half]), 0, 1))
    named = tuple(
        tuple(name for name, part in zip(ranges.names, direction, strict=True) if abs(part) > _PART)
        for direction in directions.T[free]
    )
    return Identified(bounds.min(0), bounds.max(0), named)
