"""Elasticities with standard errors, and whether two of them agree."""

from __future__ import annotations

import numpy as np

from brianbridge.sensitivities.result import Estimate

__all__ = ["agreement", "elasticity"]

#: Estimates agree if they differ by less than so many standard errors ...
_ERRORS = 2.0
#: ... and this share of the larger one: a step of some per cent is no derivative.
_SHARE = 0.05
#: A gradient that is so many times more uncertain than the difference tells nothing.
_NOISIER = 5.0


def elasticity(slopes: np.ndarray, outcome: np.ndarray) -> Estimate:
    """Return the mean slope over the mean outcome, in per cent per per cent.

    Parameters
    ----------
    slopes : numpy.ndarray, shape (samples,)
        The change of the outcome of each sample for a hundred per cent of the parameter.
    outcome : numpy.ndarray, shape (samples,)
        The outcome of each sample, with a mean other than 0. An elasticity above 0 is an increase
        of the outcome, also where it is negative.

    Returns
    -------
    Estimate
        With the standard error of a ratio of means.

    Examples
    --------
    >>> elasticity(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    Estimate(value=2.0, error=0.0)
    """
    mean = float(np.mean(outcome))
    ratio = float(np.mean(slopes)) / mean
    sign = 1.0 if mean > 0 else -1.0
    if len(outcome) < 2:
        return Estimate(sign * ratio, None)
    residual = slopes - ratio * outcome
    error = float(np.std(residual, ddof=1)) / len(outcome) ** 0.5 / abs(mean)
    return Estimate(sign * ratio, error)


def agreement(gradient: np.ndarray, difference: np.ndarray, outcome: np.ndarray) -> bool | None:
    """Return whether two slopes agree: within two standard errors of their difference, or 5 %.

    The samples are the same for both, so that their difference has a smaller error than each.

    Parameters
    ----------
    gradient, difference : numpy.ndarray, shape (samples,)
        The slope of each sample by the twin, and in Brian2.
    outcome : numpy.ndarray, shape (samples,)
        The outcome of each sample.

    Returns
    -------
    bool or None
        None if that cannot be said: the gradient is far more uncertain than the difference,
        because it explodes in some samples, or there is one sample.
    """
    one, other = (elasticity(slopes, outcome) for slopes in (gradient, difference))
    apart = elasticity(difference - gradient, outcome)
    known = max(other.error or 0.0, abs(other.value))
    if (one.error or 0.0) > _NOISIER * known:
        return None
    near = abs(apart.value) <= _SHARE * max(abs(one.value), abs(other.value))
    if near or apart.error is None:
        return near or None
    return abs(apart.value) <= _ERRORS * apart.error
