"""How the spikes of two runs differ, added up over samples.

Comparisons of consecutive samples add, as activities do, so that a run is compared chunk by chunk
and its spikes forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..recording import Recording
from . import metrics

__all__ = ["Comparison", "CountSums"]


@dataclass(frozen=True)
class CountSums:
    """Hold sums over (sample, neuron) pairs of the counts x and y of two runs.

    Parameters
    ----------
    pairs : int
        How many there are.
    x, y, xx, yy, xy : float
        Sums of the counts, their squares and their product; exact for whole spike values.
    """

    pairs: int
    x: float
    y: float
    xx: float
    yy: float
    xy: float

    @classmethod
    def of(cls, one: np.ndarray, other: np.ndarray) -> CountSums:
        """Add up two arrays of counts of the same shape."""
        x, y = one.ravel(), other.ravel()
        return cls(x.size, *(float(v) for v in (x.sum(), y.sum(), x @ x, y @ y, x @ y)))

    def __add__(self, other: CountSums) -> CountSums:
        """Return the sums over the pairs of both."""
        return CountSums(
            self.pairs + other.pairs,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.yy + other.yy,
            self.xy + other.xy,
        )

    @property
    def correlation(self) -> float | None:
        """Pearson's correlation; None where one of the two is always the same.

        Examples
        --------
        >>> x = np.array([0.0, 1.0, 3.0])
        >>> CountSums.of(x, 2*x + 1).correlation
        1.0
        """
        # As fractions, for differences of large sums would lose all their digits.
        n, x, y, xx, yy, xy = map(Fraction, (self.pairs, self.x, self.y, self.xx, self.yy, self.xy))
        of_x, of_y = n * xx - x * x, n * yy - y * y
        if of_x <= 0 or of_y <= 0:
            return None
        return float(n * xy - x * y) / (math.sqrt(of_x) * math.sqrt(of_y))


@dataclass(frozen=True)
class Comparison:
    """Hold what differs between the spikes of a twin and those of Brian2.

    Parameters
    ----------
    spike_mismatches : int
        (step, sample, neuron) cells of the surrogate's grid with different spike values.
    count_mismatches : int
        (sample, neuron) pairs with different summed spike values.
    counts : mapping of str to CountSums
        By population.
    """

    spike_mismatches: int
    count_mismatches: int
    counts: Mapping[str, CountSums]

    @classmethod
    def of(cls, surrogate: Recording, brian2: Recording) -> Comparison:
        """Compare two recordings of the same samples."""
        counts = {n: (surrogate.counts[n], brian2.counts[n]) for n in surrogate.shapes}
        return cls(
            metrics.spike_mismatches(surrogate, brian2),
            sum(int(np.sum(x != y)) for x, y in counts.values()),
            {name: CountSums.of(x, y) for name, (x, y) in counts.items()},
        )

    def __add__(self, other: Comparison) -> Comparison:
        """Return the comparison over the samples of both."""
        return Comparison(
            self.spike_mismatches + other.spike_mismatches,
            self.count_mismatches + other.count_mismatches,
            {name: sums + other.counts[name] for name, sums in self.counts.items()},
        )

    @property
    def count_correlation(self) -> dict[str, float | None]:
        """Pearson's correlation of counts over samples and neurons, by population."""
        return {name: sums.correlation for name, sums in self.counts.items()}
