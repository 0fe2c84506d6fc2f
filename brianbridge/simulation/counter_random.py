"""Random numbers that are a function of what they are for, and of nothing else.

A simulation draws no number from a stream. Each number is computed from the seed, the population,
the place in its code, the number of the sample in its data set, Brian2's step, and the neuron. So
it does not matter how samples are batched, how many threads there are, or what ran before, and no
global state is read or written. Such a generator is called counter-based (Salmon et al., SC 2011).

The function is SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): the output number `counter` of the
generator that was seeded with `key`. That output is in turn the key of a generator for the next
coordinate. A uniform number takes the upper 52 bits; a normal one is the inverse of the normal
distribution at a uniform one (Wichura 1988, algorithm AS 241), and so is a Poisson one.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.errors import InputError

__all__ = [
    "checked_seed",
    "drawn",
    "key_of",
    "keys_of_samples",
    "normals",
    "poisson_numbers",
    "uniforms",
    "uniforms_at",
]

_compiled = compiled(nogil=True, error_model="numpy")
_ODD = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def checked_seed(seed: Any) -> int:
    """Return a seed as an int; a fresh one, from the operating system, if none is given.

    Raises
    ------
    InputError
        If it is no whole number from 0 on.

    Examples
    --------
    >>> checked_seed(3), checked_seed(None) == checked_seed(None)
    (3, False)
    """
    if seed is None:
        return secrets.randbits(64)
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise InputError(f"seed = {seed!r}; give a whole number from 0 on, or None for a fresh one")
    return int(seed)


def key_of(seed: int, *names: str) -> np.uint64:
    """Return the key of a generator, from a seed and what the numbers are for.

    Parameters
    ----------
    seed : int
        From 0 on, of any size.
    *names : str
        The population, say, and the part of its code.

    Examples
    --------
    >>> key_of(0, "hidden", "threshold") == key_of(0, "hidden", "reset")
    False
    """
    text = "\0".join((str(int(seed)), *names))
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


@_compiled
def drawn(key: Any, counter: Any) -> Any:
    """Return number `counter` of the generator `key`, itself the key of another."""
    x = key + _ODD * (np.uint64(counter) + np.uint64(1))
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


@_compiled
def _uniform(bits: Any) -> Any:
    """Return a number above 0 and below 1, the same distance from both ends."""
    return (np.float64(bits >> np.uint64(12)) + 0.5) * 2.0**-52


@_compiled
def keys_of_samples(key: Any, numbers: np.ndarray, step: int) -> np.ndarray:
    """Return a key for each sample in a step."""
    keys = np.empty(numbers.size, np.uint64)
    for b in range(numbers.size):
        keys[b] = drawn(drawn(key, numbers[b]), step)
    return keys


@_compiled
def uniforms(keys: np.ndarray, neurons: int) -> np.ndarray:
    """Return uniform numbers for all neurons, ``(samples*neurons,)``, from the samples' keys."""
    found = np.empty(keys.size * neurons)
    for b in range(keys.size):
        for i in range(neurons):
            found[b * neurons + i] = _uniform(drawn(keys[b], i))
    return found


@_compiled
def uniforms_at(keys: np.ndarray, neurons: int, places: np.ndarray) -> np.ndarray:
    """Return what `uniforms` has at some places."""
    found = np.empty(places.size)
    for k in range(places.size):
        b = places[k] // neurons
        found[k] = _uniform(drawn(keys[b], places[k] - b * neurons))
    return found


@_compiled
def _ratio(x: float, above: tuple, below: tuple) -> float:
    """Return the ratio of two polynomials, whose coefficients begin with that of the top power."""
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
    """Return the normal numbers that belong to uniform ones above 0 and below 1."""
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


def poisson_numbers(uniform: np.ndarray, mean: Any) -> np.ndarray:
    """Return the Poisson numbers that belong to uniform ones above 0 and below 1.

    Parameters
    ----------
    uniform : numpy.ndarray
        Uniform numbers.
    mean : float or numpy.ndarray
        Of the distribution, from 0 on, one for all or one for each.

    Examples
    --------
    >>> poisson_numbers(np.array([0.1, 0.5, 0.99]), 2.0)
    array([0, 2, 6])
    """
    mean = np.broadcast_to(np.asarray(mean, np.float64), uniform.shape)
    if not (mean >= 0).all():
        raise InputError("poisson(): the mean is below 0 or not a number; look at its argument")
    found = _small_poisson(uniform, mean)
    if (large := mean > _LARGE).any():
        from scipy.stats import poisson

        found[large] = poisson.ppf(uniform[large], mean[large])
    return found


#: Where the probability of 0 comes near the smallest number there is.
_LARGE = 500.0


@_compiled
def _small_poisson(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the least k whose probability of k or less reaches the uniform number."""
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
