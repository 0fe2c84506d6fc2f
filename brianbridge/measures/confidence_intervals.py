"""95 % confidence intervals of proportions, of their changes on the same samples, and of means.

Samples are treated as a random draw from all samples that the network may meet, and the runs of a
random condition as a random draw from all runs. The coverage of each interval is tested by
simulation (``tests/measures/test_confidence_intervals.py``): it is 93 % or more, also if hardly any
sample changes.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t

__all__ = ["Interval", "mean_interval", "proportion_interval", "ratio_interval", "score_interval"]

#: Lower and upper end.
Interval = tuple[float, float]

_Z95 = 1.959963984540054


def score_interval(gained: float, lost: float, samples: float) -> Interval:
    """Return the interval of a change of a proportion, on the same samples.

    This is Tango's score interval of the difference of paired proportions (1998, Stat. Med. 17:891;
    formula from memory): all changes that a score test does not reject. Its coverage holds if few
    samples change. If none does, it is Wilson's interval, ``±z²/(n + z²)``.

    Parameters
    ----------
    gained, lost : float
        Number of samples that changed for the better and for the worse.
    samples : float
        Number of all samples.

    Returns
    -------
    tuple of float
        Lower and upper end.

    Examples
    --------
    >>> [round(end, 3) for end in score_interval(10, 30, 1000)]
    [-0.034, -0.008]
    >>> [round(end, 3) for end in score_interval(0, 0, 1000)]
    [-0.004, 0.004]
    """

    def beyond(change: float, side: int) -> float:
        """Return a number above 0 if a score test does not reject the change, else below."""
        # The most likely proportion lost, if the proportion gained is larger by `change`.
        a, c = 2 * samples, -lost * change * (1 - change)
        b = (2 * samples - gained + lost) * change - gained - lost
        share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = samples * max(2 * share + change * (1 - change), 0.0)
        apart = side * (samples * change - gained + lost)
        return _Z95 * math.sqrt(variance) - apart + 1e-12

    estimate = (gained - lost) / samples

    def end(side: int) -> float:
        # A change of exactly -1 or 1 has no variance; evaluate just before it.
        edge = side * (1 - 1e-12)
        if side * estimate >= side * edge or beyond(edge, side) >= 0:
            return float(side)
        return float(brentq(beyond, estimate, edge, args=(side,)))

    return end(-1), end(1)


def proportion_interval(hits: float, samples: float) -> Interval:
    """Return Wilson's interval of a proportion (1927, J. Am. Stat. Assoc. 22:209).

    Parameters
    ----------
    hits, samples : float
        Number of hits, and of all samples.

    Examples
    --------
    >>> [round(end, 3) for end in proportion_interval(30, 30)]
    [0.886, 1.0]
    """
    share, square = hits / samples, _Z95**2
    middle = (share + square / (2 * samples)) / (1 + square / samples)
    spread = math.sqrt(share * (1 - share) / samples + square / (4 * samples**2))
    half = _Z95 * spread / (1 + square / samples)
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_interval(values: np.ndarray, times: float = 1.0) -> Interval | None:
    """Return Student's 95 % interval of a mean over samples, or over runs and samples.

    If a condition is random (a chip with mismatch), each run is another device on the same samples.
    Devices and samples are both drawn at random. As in an analysis of variance with two random
    factors, the variance of the mean is a sum of two parts: the variance of the runs' means divided
    by the number of runs, and the variance of the samples' means divided by the number of samples.
    The second part is reduced by the variance of single cells, which the first already contains.
    The degrees of freedom are those of Satterthwaite (1946, Biometrics Bull. 2:110).

    Parameters
    ----------
    values : numpy.ndarray, shape (runs, samples)
        Value of each sample in each run.
    times : float
        Return the interval for this multiple of the samples and runs, with the same variances.

    Returns
    -------
    tuple of float or None
        None if nothing varies or there is only one sample: the variance is then unknown.

    Examples
    --------
    >>> mean_interval(np.array([[1.0, 2.0, 3.0]]))
    (-0.48413771175..., 4.48413771175...)
    """
    runs, samples = values.shape
    if samples == 1:
        return None
    by_sample, mean = values.mean(0), float(values.mean())
    of_samples, of_runs, freedom = by_sample.var(ddof=1) / samples, 0.0, samples - 1.0
    if runs > 1:
        by_run = values.mean(1)
        rest = values - by_sample - by_run[:, None] + mean
        noise = np.square(rest).sum() / ((runs - 1) * (samples - 1))
        of_runs = by_run.var(ddof=1) / runs
        # Runs with exactly the same mean tell nothing about the variance of single cells.
        known = noise / runs if of_runs else 0.0
        of_samples = max(0.0, by_sample.var(ddof=1) - known) / samples
        squares = of_samples**2 / (samples - 1) + of_runs**2 / (runs - 1)
        freedom = (of_samples + of_runs) ** 2 / squares if squares else freedom
    variance = of_samples + of_runs
    if variance == 0:
        return None
    half = float(t.ppf(0.975, freedom * times) * math.sqrt(variance / times))
    return mean - half, mean + half


def ratio_interval(before: np.ndarray, after: np.ndarray, times: float = 1.0) -> Interval | None:
    """Return the interval of the relative change of a sum over samples.

    Near its value, the ratio of two means is linear in the residual of each sample (the delta
    method). The interval is that of the residuals' mean.

    Parameters
    ----------
    before : numpy.ndarray, shape (samples,)
        Values before the change, with a sum above 0.
    after : numpy.ndarray, shape (runs, samples)
        Values after it, in each run.
    times : float
        As in `mean_interval`.

    Returns
    -------
    tuple of float or None
        Both ends are the change itself if it is the same in every sample; None for one sample.

    Examples
    --------
    >>> ratio_interval(np.array([10.0, 20.0]), np.array([[11.0, 22.0]]))
    (0.10000000000000..., 0.10000000000000...)
    """
    change = float(after.mean() / before.mean()) - 1
    residual = (after - (1 + change) * before) / before.mean()
    if residual.shape[1] == 1:
        return None
    low, high = (0.0, 0.0)
    if np.abs(residual).max() > 1e-12:  # beyond rounding
        low, high = mean_interval(residual, times) or (low, high)
    return change + low, change + high
