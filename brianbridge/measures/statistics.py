"""Whether a change in accuracy is more than chance, on the same samples.

Two conditions classify the same samples, so that only those tell that one has right and the other
wrong: the discordant pairs. `mcnemar` asks whether as many were lost as gained;
`bootstrap_interval` says between which bounds the change of accuracy lies if samples were drawn
anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from brianbridge.measures.intervals import Interval, mean_interval, score_interval

__all__ = ["Discordant", "bootstrap_interval", "mcnemar", "repeated_interval"]

#: With fewer samples that change, an estimate of their variance is not worth much.
_FEW = 10


class Discordant(NamedTuple):
    """Count the samples that two conditions tell apart."""

    gained: int
    lost: int
    samples: int

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> Discordant:
        """Count, from whether each sample was classified rightly ``(samples,)``.

        Examples
        --------
        >>> Discordant.of(np.array([True, True, False]), np.array([True, False, True]))
        Discordant(gained=1, lost=1, samples=3)
        """
        return cls(int(np.sum(after & ~before)), int(np.sum(before & ~after)), len(before))

    @property
    def change(self) -> float:
        """Accuracy after minus before."""
        return (self.gained - self.lost) / self.samples


def mcnemar(pairs: Discordant) -> float:
    """Return the p-value of McNemar's exact test: two-sided, binomial, of a half.

    Examples
    --------
    >>> mcnemar(Discordant(gained=0, lost=5, samples=100))
    0.0625
    """
    discordant = pairs.gained + pairs.lost
    return float(binomtest(pairs.lost, discordant).pvalue) if discordant else 1.0


def bootstrap_interval(
    pairs: Discordant, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile interval of the change in accuracy over resampled samples.

    To draw samples with replacement is to draw how many were gained, lost and the same from a
    multinomial distribution. Where no pair is discordant its width is 0; the interval of
    `brianbridge.measures.metrics.paired_interval` is wider there, and right.

    Parameters
    ----------
    pairs : Discordant
        What was counted.
    level : float
        Of confidence.
    resamples : int
        How many draws.
    seed : int
        Of the draws.

    Examples
    --------
    >>> low, high = bootstrap_interval(Discordant(gained=10, lost=30, samples=1000))
    >>> round(low, 3), round(high, 3)
    (-0.032, -0.008)
    """
    n = pairs.samples
    same = n - pairs.gained - pairs.lost
    shares = np.array([pairs.gained, pairs.lost, same]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, resamples)
    changes = (drawn[:, 0] - drawn[:, 1]) / n
    low, high = np.quantile(changes, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def repeated_interval(before: np.ndarray, after: np.ndarray, times: float = 1.0) -> Interval:
    """Return a 95 % interval of the mean change of a share over devices and samples.

    That of `brianbridge.measures.intervals.mean_interval`. Where fewer than ten samples change on
    any device, their variance is hardly known: there it is no narrower than the score interval of
    one device that changes as much as the mean of all.

    Parameters
    ----------
    before : numpy.ndarray of bool, shape (samples,)
        Whether each sample was classified rightly without.
    after : numpy.ndarray of bool, shape (runs, samples)
        And in each run; at least two.
    times : float
        The interval if there were so many times the samples and the runs, of the same kind.

    Examples
    --------
    >>> right = np.ones(100, dtype=bool)
    >>> after = np.stack([right]*3); after[0, :4] = after[1, 2:7] = after[2, 3:12] = False
    >>> [round(float(x), 3) for x in repeated_interval(right, after)]
    [-0.11, -0.01]
    """
    change = after.astype(float) - before
    found = mean_interval(change, times)
    if found is None or times * (change != 0).any(0).sum() < _FEW:
        gained, lost = (float(np.maximum(sign * change, 0).mean(0).sum()) for sign in (1, -1))
        low, high = score_interval(times * gained, times * lost, times * change.shape[1])
        found = (low, high) if found is None else (min(low, found[0]), max(high, found[1]))
    return max(found[0], -1.0), min(found[1], 1.0)
