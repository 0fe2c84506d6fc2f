"""95 % intervals of shares, of their changes on the same samples, and of means.

Samples are taken as drawn at random from those that the network may meet; where a condition is
random, so are its runs. How often each interval covers the truth is tested by simulation
(``tests/measures/test_intervals.py``): 93 % or more, also where hardly any sample changes.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t

__all__ = ["Interval", "mean_interval", "ratio_interval", "score_interval", "share_interval"]

Interval = tuple[float, float]

_Z95 = 1.959963984540054


def score_interval(gained: float, lost: float, samples: float) -> Interval:
    """Return an interval of the change of a share, on the same samples.

    Tango's score interval of a difference of paired proportions (1998, Stat. Med. 17:891; formula
    remembered): all changes that a score test does not reject. It keeps its coverage where few
    samples change, and where none does it is that of Wilson, ``±z²/(n + z²)``.

    Parameters
    ----------
    gained, lost : float
        Samples that changed for better and for worse.
    samples : float
        All samples.

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
        """Return how far a score test is from rejecting a change: above 0 if it does not."""
        # The share that was lost, most likely if the share that was gained is larger by `change`.
        a, c = 2 * samples, -lost * change * (1 - change)
        b = (2 * samples - gained + lost) * change - gained - lost
        share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = samples * max(2 * share + change * (1 - change), 0.0)
        apart = side * (samples * change - gained + lost)
        return _Z95 * math.sqrt(variance) - apart + 1e-12

    estimate = (gained - lost) / samples

    def end(side: int) -> float:
        # At an end of all changes itself the variance is 0; look just before it.
        edge = side * (1 - 1e-12)
        if side * estimate >= side * edge or beyond(edge, side) >= 0:
            return float(side)
        return float(brentq(beyond, estimate, edge, args=(side,)))

    return end(-1), end(1)


def share_interval(hits: float, samples: float) -> Interval:
    """Return Wilson's interval of a share (1927, J. Am. Stat. Assoc. 22:209).

    Examples
    --------
    >>> [round(end, 3) for end in share_interval(30, 30)]
    [0.886, 1.0]
    """
    share, square = hits / samples, _Z95**2
    middle = (share + square / (2 * samples)) / (1 + square / samples)
    spread = math.sqrt(share * (1 - share) / samples + square / (4 * samples**2))
    half = _Z95 * spread / (1 + square / samples)
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_interval(values: np.ndarray, times: float = 1.0) -> Interval | None:
    """Return Student's 95 % interval of a mean over samples, or over runs and samples.

    Where a condition is random (a chip with its mismatch), each run is another device on the same
    samples. Both were drawn, and the variance of the mean has a part of each, as in an analysis of
    variance with two random factors: that of the runs' means over the number of runs, and that of
    the samples' means over the number of samples, less the chance of single cells, which the first
    has already. The degrees of freedom are those of Satterthwaite (1946, Biometrics Bull. 2:110).

    Parameters
    ----------
    values : numpy.ndarray, shape (runs, samples)
        One value for each.
    times : float
        The interval if there were so many times the samples and the runs, with the same variances.

    Returns
    -------
    tuple of float or None
        None where nothing varies, or there is but one sample: such data say nothing of variance.

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
        # Runs that lose just as much by chance say nothing about chance.
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
    """Return the interval of the change of a sum over samples, as a share of what it was.

    The ratio of two means is linear in each sample's residual, close to its value (the delta
    method); the interval is that of the residuals' mean.

    Parameters
    ----------
    before : numpy.ndarray, shape (samples,)
        Of which the sum is above 0.
    after : numpy.ndarray, shape (runs, samples)
        The same in each run.
    times : float
        As in `mean_interval`.

    Returns
    -------
    tuple of float or None
        The change itself, twice, where it is the same in every sample; None for one sample.

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
    if np.abs(residual).max() > 1e-12:  # more than rounding
        low, high = mean_interval(residual, times) or (low, high)
    return change + low, change + high
