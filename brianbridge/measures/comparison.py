"""How the spikes of two runs differ, added up over samples.

Comparisons of consecutive samples add, as activities do, so that a run is compared chunk by chunk
and its spikes forgotten.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from brianbridge.measures import metrics
from brianbridge.recording import Recording

__all__ = ["Comparison", "CountSums"]

#: Counts in a range of so many whole numbers are tabulated without sorting.
_VALUES = 1000


@dataclass(frozen=True)
class CountSums:
    """Hold sums over (sample, neuron) pairs of the counts x and y of two runs.

    Parameters
    ----------
    pairs : int
        How many there are.
    x, y, xx, yy, xy : float
        Sums of the counts, their squares and their product; exact for whole spike values.
    apart : float
        Sum of ``abs(x - y)``.
    """

    pairs: int
    x: float
    y: float
    xx: float
    yy: float
    xy: float
    apart: float

    @classmethod
    def of(cls, one: np.ndarray, other: np.ndarray) -> CountSums:
        """Add up two arrays of counts of the same shape."""
        x, y = one.ravel(), other.ravel()
        # Not by dot products, which add in an order that depends on how many threads they have.
        sums = (x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum(), np.abs(x - y).sum())
        return cls(x.size, *(float(v) for v in sums))

    def __add__(self, other: CountSums) -> CountSums:
        """Return the sums over the pairs of both."""
        return CountSums(
            self.pairs + other.pairs,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.yy + other.yy,
            self.xy + other.xy,
            self.apart + other.apart,
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


@dataclass(frozen=True, eq=False)
class Comparison:
    """Hold what differs between the spikes of a twin and those of Brian2.

    Parameters
    ----------
    spike_mismatches : int
        (step, sample, neuron) cells of the twin's grid with different spike values.
    count_mismatches : int
        (sample, neuron) pairs with different summed spike values.
    counts : mapping of str to CountSums
        By population.
    joint : mapping of str to Counter
        How many (sample, neuron) pairs have a count of x in the twin and y in Brian2, by ``(x, y)``
        and population.
    since : numpy.ndarray of int64, shape (samples,)
        The first step of the twin in which a sample differs; all steps if it does not.
    """

    spike_mismatches: int
    count_mismatches: int
    counts: Mapping[str, CountSums]
    joint: Mapping[str, Counter[tuple[float, float]]]
    since: np.ndarray

    @classmethod
    def of(cls, twin: Recording, brian2: Recording) -> Comparison:
        """Compare two recordings of the same samples."""
        counts = {n: (twin.counts[n], brian2.counts[n]) for n in twin.shapes}
        cells, since = metrics.spike_differences(twin, brian2)
        return cls(
            cells,
            sum(int(np.sum(x != y)) for x, y in counts.values()),
            {name: CountSums.of(x, y) for name, (x, y) in counts.items()},
            {name: _joint(x.ravel(), y.ravel()) for name, (x, y) in counts.items()},
            since,
        )

    def __add__(self, other: Comparison) -> Comparison:
        """Return the comparison over the samples of both."""
        return Comparison(
            self.spike_mismatches + other.spike_mismatches,
            self.count_mismatches + other.count_mismatches,
            {name: sums + other.counts[name] for name, sums in self.counts.items()},
            {name: found + other.joint[name] for name, found in self.joint.items()},
            np.concatenate([self.since, other.since]),
        )

    @property
    def count_correlation(self) -> dict[str, float | None]:
        """Pearson's correlation of counts over samples and neurons, by population."""
        return {name: sums.correlation for name, sums in self.counts.items()}


def _joint(x: np.ndarray, y: np.ndarray) -> Counter[tuple[float, float]]:
    """Count the pairs of values, to a hundredth."""
    both = np.round(np.stack([x, y]), 2)
    low = both.min()
    if both.max() - low < _VALUES - 1 and (both == np.rint(both)).all():
        values = np.arange(low, both.max() + 1)
        codes = (both - low).astype(np.int64)  # what `unique` would find by sorting
    else:
        values, codes = np.unique(both, return_inverse=True)
        codes = codes.reshape(both.shape)
    cell = codes[0] * len(values) + codes[1]
    if len(values) < _VALUES:
        number = np.bincount(cell)
        cells = np.flatnonzero(number)
        number = number[cells]
    else:
        cells, number = np.unique(cell, return_counts=True)
    x_value, y_value = (values[i].tolist() for i in np.divmod(cells, len(values)))
    return Counter(dict(zip(zip(x_value, y_value, strict=True), number.tolist(), strict=True)))
