"""Compare the spikes of the twin with those of Brian2, summed over samples.

Comparisons of consecutive samples add, as spike counts do, so that a run can be compared chunk by
chunk without keeping its spikes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from brianbridge.event_loops import differing_cells, whole_pairs
from brianbridge.recording import Recording

__all__ = ["CountMoments", "SpikeComparison", "spike_differences"]

#: Counts of fewer different values than this are tabulated without sorting.
_TABLE_SIZE = 1000
#: Largest number of cells that are compared at once; a block of the twin has no more.
_CELLS = 10_000_000


@dataclass(frozen=True)
class CountMoments:
    """Hold moments of the spike counts x and y of two runs: sums over (sample, neuron) pairs.

    Parameters
    ----------
    pairs : int
        Number of pairs.
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
    def of(cls, one: np.ndarray, other: np.ndarray) -> CountMoments:
        """Sum over two arrays of counts of the same shape."""
        x, y = one.ravel(), other.ravel()
        # No dot products: the order of their sums depends on the number of threads.
        sums = (x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum(), np.abs(x - y).sum())
        return cls(x.size, *(float(v) for v in sums))

    def __add__(self, other: CountMoments) -> CountMoments:
        """Return the sums over the pairs of both."""
        return CountMoments(
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
        """Pearson's correlation; None if one of the two is constant.

        Examples
        --------
        >>> x = np.array([0.0, 1.0, 3.0])
        >>> CountMoments.of(x, 2*x + 1).correlation
        1.0
        """
        # Fractions, because differences of large sums would lose all digits.
        n, x, y, xx, yy, xy = map(Fraction, (self.pairs, self.x, self.y, self.xx, self.yy, self.xy))
        of_x, of_y = n * xx - x * x, n * yy - y * y
        if of_x <= 0 or of_y <= 0:
            return None
        return float(n * xy - x * y) / (math.sqrt(of_x) * math.sqrt(of_y))


@dataclass(frozen=True, eq=False)
class SpikeComparison:
    """Hold the differences between the spikes of a twin and those of Brian2.

    Parameters
    ----------
    spike_mismatches : int
        Number of (step, sample, neuron) cells of the twin's grid with different spike values.
    count_mismatches : int
        Number of (sample, neuron) pairs with different sums of spike values.
    counts : mapping of str to CountMoments
        Moments of the counts, by population.
    joint : mapping of str to Counter
        Joint histogram of the counts, by population: the number of (sample, neuron) pairs by
        ``(count in the twin, count in Brian2)``.
    since : numpy.ndarray of int64, shape (samples,)
        First step of the twin in which a sample differs; the number of steps if it does not.
    """

    spike_mismatches: int
    count_mismatches: int
    counts: Mapping[str, CountMoments]
    joint: Mapping[str, Counter[tuple[float, float]]]
    since: np.ndarray

    @classmethod
    def of(cls, twin: Recording, brian2: Recording) -> SpikeComparison:
        """Compare two recordings of the same samples."""
        cells, since = spike_differences(twin, brian2)
        joint, moments, different = {}, {}, 0
        for name in twin.shapes:
            x, y = twin.counts[name].ravel(), brian2.counts[name].ravel()
            whole = whole_pairs(x, y, _TABLE_SIZE)
            joint[name] = _joint_histogram(x, y) if whole is None else whole
            moments[name] = CountMoments.of(x, y) if whole is None else _moments_of(whole)
            unequal = (n for (one, other), n in joint[name].items() if one != other)
            different += int(np.sum(x != y)) if whole is None else sum(unequal)
        return cls(cells, different, moments, joint, since)

    def __add__(self, other: SpikeComparison) -> SpikeComparison:
        """Return the comparison over the samples of both."""
        return SpikeComparison(
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


def spike_differences(twin: Recording, brian2: Recording) -> tuple[int, np.ndarray]:
    """Return the number of (step, sample, neuron) cells that differ, and since when they do.

    A Brian2 run with a finer step is first summed onto the twin's grid.

    Returns
    -------
    int
        Number of cells with different spike values, over all populations.
    numpy.ndarray of int64, shape (samples,)
        First step in which any neuron differs; the number of steps if none does.
    """
    coarse, steps = brian2.steps // twin.steps, twin.steps
    total, since = 0, np.full(twin.samples, steps)
    for name, shape in twin.shapes.items():
        neurons = int(np.prod(shape))
        block = max(1, _CELLS // (steps * neurons))
        for low in range(0, twin.samples, block):
            part = since[low : low + block]
            ours, theirs = (
                recording.events(name).columns
                if len(part) == twin.samples
                else recording.events(name).of_samples(low, low + len(part)).columns
                for recording in (twin, brian2)
            )
            if coarse == 1 and _equal(ours, theirs):
                continue
            total += differing_cells(ours, theirs, coarse, part, neurons, steps)
    return total, since


def _equal(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> bool:
    """Return whether two lists of spikes are the same, in the same order."""
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def _moments_of(joint: Counter[tuple[float, float]]) -> CountMoments:
    """Return the moments of counts that are whole numbers, from their joint histogram."""
    pairs = [(int(x), int(y), n) for (x, y), n in joint.items()]
    sums = (
        sum(term(x, y) * n for x, y, n in pairs)
        for term in (
            lambda x, y: 1, lambda x, y: x, lambda x, y: y, lambda x, y: x * x,
            lambda x, y: y * y, lambda x, y: x * y, lambda x, y: abs(x - y),
        )
    )  # fmt: skip
    return CountMoments(next(sums), *map(float, sums))


def _joint_histogram(x: np.ndarray, y: np.ndarray) -> Counter[tuple[float, float]]:
    """Count the pairs of values, rounded to a hundredth."""
    both = np.round(np.stack([x, y]), 2)
    values, codes = np.unique(both, return_inverse=True)
    codes = codes.reshape(both.shape)
    cell = codes[0] * len(values) + codes[1]
    if len(values) < _TABLE_SIZE:
        number = np.bincount(cell)
        cells = np.flatnonzero(number)
        number = number[cells]
    else:
        cells, number = np.unique(cell, return_counts=True)
    x_value, y_value = (values[i].tolist() for i in np.divmod(cells, len(values)))
    return Counter(dict(zip(zip(x_value, y_value, strict=True), number.tolist(), strict=True)))
