"""Test whether a change in accuracy on the same samples is more than chance.

Only the discordant pairs tell two conditions apart: the samples that one of them classifies
correctly and the other does not. `mcnemar` tests whether as many samples were gained as lost.
`brianbridge.measures.confidence_intervals.score_interval`, `bootstrap_interval` and, over several
runs, `repeated_interval` give 95 % confidence intervals of the change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from brianbridge.measures.confidence_intervals import Interval, mean_interval, score_interval

__all__ = ["DiscordantPairs", "bootstrap_interval", "mcnemar", "repeated_interval"]

#: If fewer samples change, an estimate of their variance is of little use.
_FEW = 10


class DiscordantPairs(NamedTuple):
    """Count the samples that only one of two conditions classifies correctly.

    Parameters
    ----------
    gained, lost : int
        Samples that only the second condition, or only the first one, classifies correctly.
    samples : int
        All samples.

    Examples
    --------
    >>> score_interval(*DiscordantPairs(gained=0, lost=0, samples=98))
    (-0.0377..., 0.0377...)
    """

    gained: int
    lost: int
    samples: int

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> DiscordantPairs:
        """Count, from whether each sample is classified correctly, bool arrays ``(samples,)``.

        Examples
        --------
        >>> DiscordantPairs.of(np.array([True, True, False]), np.array([True, False, True]))
        DiscordantPairs(gained=1, lost=1, samples=3)
        """
        return cls(int(np.sum(after & ~before)), int(np.sum(before & ~after)), len(before))


def mcnemar(pairs: DiscordantPairs) -> float:
    """Return the p-value of McNemar's exact test, a two-sided binomial test with p = 1/2.

    Examples
    --------
    >>> mcnemar(DiscordantPairs(gained=0, lost=5, samples=100))
    0.0625
    """
    discordant = pairs.gained + pairs.lost
    return float(binomtest(pairs.lost, discordant).pvalue) if discordant else 1.0


def bootstrap_interval(
    pairs: DiscordantPairs, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Return the percentile bootstrap interval of the change in accuracy.

    Drawing samples with replacement is the same as drawing the numbers of gained, lost and
    unchanged samples from a multinomial distribution. Without discordant pairs the width of this
    interval is 0; `score_interval` is wider there, and correct.

    Parameters
    ----------
    pairs : DiscordantPairs
        Numbers of discordant pairs and of samples.
    level : float
        Confidence level.
    resamples : int
        Number of draws.
    seed : int
        Seed of the draws.

    Examples
    --------
    >>> low, high = bootstrap_interval(DiscordantPairs(gained=10, lost=30, samples=1000))
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
    """Return a 95 % interval of the mean change in accuracy over several runs.

    It is `mean_interval` over runs and samples. If fewer than ten samples change in any run, their
    variance is hardly known; the interval is then at least as wide as the score interval of one run
    with the mean change of all.

    Parameters
    ----------
    before : numpy.ndarray of bool, shape (samples,)
        Whether each sample is classified correctly without the change.
    after : numpy.ndarray of bool, shape (runs, samples)
        The same in each run with the change; at least two runs.
    times : float
        Return the interval for this multiple of the samples and runs, of the same kind.

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
