"""Whether a change in accuracy is more than chance, on the same samples.

Two conditions classify the same samples, so that only those tell that one has right and the other
wrong: the discordant pairs. `mcnemar` asks whether as many were lost as gained;
`bootstrap_interval` says between which bounds the change of accuracy lies if samples were drawn
anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, t

from .metrics import paired_interval

__all__ = ["Discordant", "bootstrap_interval", "mcnemar", "repeated_interval"]


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
    `brianbridge.fidelity.metrics.paired_interval` is wider there, and better.

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


def repeated_interval(
    before: np.ndarray, after: np.ndarray, *, level: float = 0.95
) -> tuple[float, float]:
    """Return an interval of the mean change in accuracy over devices and samples.

    Where a condition is random (a chip with its mismatch), each run is another device on the same
    samples. Both were drawn, and the variance of the mean change has a part of each, as in an
    analysis of variance with two random factors: that of the devices' changes over the number of
    devices, and that of the samples' changes, averaged over devices, over the number of samples,
    less the chance of single cells, which the first has already. The interval is Student's, with
    the degrees of freedom of Satterthwaite (1946, Biometrics Bull. 2:110).

    Parameters
    ----------
    before : numpy.ndarray of bool, shape (samples,)
        Whether each sample was classified rightly without.
    after : numpy.ndarray of bool, shape (runs, samples)
        And in each run; at least two.
    level : float
        Of confidence.

    Examples
    --------
    >>> right = np.ones(100, dtype=bool)
    >>> after = np.stack([right]*3); after[0, :4] = after[1, 2:7] = after[2, 3:8] = False
    >>> [round(float(x), 3) for x in repeated_interval(right, after)]
    [-0.076, -0.017]
    """
    change = after.astype(float) - before
    runs, samples = change.shape
    if samples == 1:
        return -1.0, 1.0  # one sample says nothing of others
    by_sample, by_run, mean = change.mean(0), change.mean(1), float(change.mean())
    rest = change - by_sample - by_run[:, None] + mean
    noise = np.square(rest).sum() / ((runs - 1) * (samples - 1))
    of_runs = by_run.var(ddof=1) / runs
    # Devices that lose just as much by chance say nothing about chance.
    known = noise / runs if of_runs else 0.0
    of_samples = max(0.0, by_sample.var(ddof=1) - known) / samples
    variance = of_samples + of_runs
    if variance == 0:  # all runs did the same, as one would have
        return paired_interval(before, after[0])
    freedom = variance**2 / (of_samples**2 / (samples - 1) + of_runs**2 / (runs - 1))
    half = float(t.ppf((1 + level) / 2, freedom) * np.sqrt(variance))
    return max(mean - half, -1.0), min(mean + half, 1.0)
