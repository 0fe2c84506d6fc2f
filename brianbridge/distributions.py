"""Normal, binomial and Poisson numbers from uniform ones, by inverting distribution functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.errors import InputError

__all__ = ["binomial_numbers", "normals", "poisson_numbers"]

_compiled = compiled(nogil=True, error_model="numpy")


@_compiled
def _ratio(x: float, above: tuple[float, ...], below: tuple[float, ...]) -> float:
    """Return the ratio of two polynomials; coefficients start with that of the highest power."""
    upper, lower = 0.0, 0.0
    for k in range(8):
        upper = upper * x + above[k]
        lower = lower * x + below[k]
    return upper / lower


# Algorithm AS 241, PPND16 (Wichura, Applied Statistics 37, 1988): 16 digits.
_MIDDLE = (
    (
        2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
        4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
        1.3314166789178437745e2, 3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
        2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
        4.2313330701600911252e1, 1.0,
    ),
)  # fmt: skip
_TAIL = (
    (
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
        1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
        4.63033784615654529590e0, 1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
        1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
        2.05319162663775882187e0, 1.0,
    ),
)  # fmt: skip
_FAR_TAIL = (
    (
        2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
        2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
        5.46378491116411436990e0, 6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
        7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
        5.99832206555887937690e-1, 1.0,
    ),
)  # fmt: skip


@_compiled
def normals(uniform: np.ndarray) -> np.ndarray:
    """Return normally distributed numbers from uniform numbers in (0, 1)."""
    found = np.empty(uniform.size)
    for k in range(uniform.size):
        q = uniform[k] - 0.5
        if abs(q) <= 0.425:
            found[k] = q * _ratio(0.180625 - q * q, _MIDDLE[0], _MIDDLE[1])
            continue
        r = np.sqrt(-np.log(uniform[k] if q < 0 else 1.0 - uniform[k]))
        if r <= 5:
            far = _ratio(r - 1.6, _TAIL[0], _TAIL[1])
        else:
            far = _ratio(r - 5.0, _FAR_TAIL[0], _FAR_TAIL[1])
        found[k] = -far if q < 0 else far
    return found


@_compiled
def binomial_numbers(uniform: np.ndarray, trials: int, probability: np.ndarray) -> np.ndarray:
    """Return binomially distributed numbers from uniform numbers in (0, 1).

    The rarer outcome must have a mean of at most some hundreds, with which the time grows.

    Parameters
    ----------
    uniform : numpy.ndarray of float64, shape (numbers,)
        Uniform numbers.
    trials : int
        Number of trials, n.
    probability : numpy.ndarray of float64, shape (numbers,)
        Probability of success in each trial.

    Examples
    --------
    >>> binomial_numbers(np.array([0.1, 0.5, 0.99]), 4, np.full(3, 0.5))
    array([1, 2, 4])
    """
    found = np.empty(uniform.size, np.int64)
    for k in range(uniform.size):
        # The rarer outcome is counted, so that the probability of none is far from 0.
        p, turned = probability[k], probability[k] > 0.5
        below = 1.0 - uniform[k] if turned else uniform[k]
        p = 1.0 - p if turned else p
        term, number = (1.0 - p) ** trials, 0
        total = term
        while total < below and number < trials:
            term *= (trials - number) / (number + 1.0) * (p / (1.0 - p))
            number += 1
            total += term
        found[k] = trials - number if turned else number
    return found


def poisson_numbers(uniform: np.ndarray, mean: Any) -> np.ndarray:
    """Return Poisson-distributed numbers from uniform numbers in (0, 1).

    Parameters
    ----------
    uniform : numpy.ndarray
        Uniform numbers.
    mean : float or numpy.ndarray
        Mean of the distribution, at least 0; one for all numbers or one for each.

    Examples
    --------
    >>> poisson_numbers(np.array([0.1, 0.5, 0.99]), 2.0)
    array([0, 2, 6])
    """
    mean = np.broadcast_to(np.asarray(mean, np.float64), uniform.shape)
    if not (mean >= 0).all():
        raise InputError("poisson(): the mean is negative or NaN; check its argument")
    found = _small_poisson(uniform, mean)
    if (large := mean > _LARGE).any():
        from scipy.stats import poisson

        found[large] = poisson.ppf(uniform[large], mean[large])
    return found


#: Means above this value have a probability of 0 events close to the smallest float64.
_LARGE = 500.0


@_compiled
def _small_poisson(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the smallest k whose cumulative probability reaches the uniform number."""
    found = np.zeros(uniform.size, np.int64)
    for k in range(uniform.size):
        if mean[k] > _LARGE:
            continue
        term = np.exp(-mean[k])
        total, number = term, 0
        while total < uniform[k] and term > 0:
            number += 1
            term *= mean[k] / number
            total += term
        found[k] = number
    return found
