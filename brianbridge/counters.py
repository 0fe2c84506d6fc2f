"""Uniform random numbers computed from counters, not drawn from a stream.

Each random number of a simulation is a function of the seed, the population, the position in its
code, the number of the sample in its data set, Brian2's step, and the neuron. Batches, threads and
earlier simulations thus change nothing, and no global state is read or written. Such generators are
called counter-based (Salmon et al., SC 2011).

The function is SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): output number `counter` of the
generator seeded with `key`. This output in turn is the key of a generator for the next coordinate.
A uniform number consists of the upper 52 bits.
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
    "draw",
    "key_of",
    "sample_keys",
    "uniform",
    "uniforms",
    "uniforms_at",
    "uniforms_of_steps",
]

_compiled = compiled(nogil=True, error_model="numpy")
_ODD = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def checked_seed(seed: Any) -> int:
    """Return a seed as an int; a fresh one from the operating system if it is None.

    Raises
    ------
    InputError
        If it is not an integer of at least 0.

    Examples
    --------
    >>> checked_seed(3), checked_seed(None) == checked_seed(None)
    (3, False)
    """
    if seed is None:
        return secrets.randbits(64)
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise InputError(f"seed = {seed!r}; give an integer of at least 0, or None for a fresh one")
    return int(seed)


def key_of(seed: int, *names: str) -> np.uint64:
    """Return the key of a generator, from a seed and the names of what the numbers are for.

    Parameters
    ----------
    seed : int
        Seed of at least 0, of any size.
    *names : str
        For instance the population and the part of its code.

    Examples
    --------
    >>> bool(key_of(0, "hidden", "threshold") == key_of(0, "hidden", "reset"))
    False
    """
    text = "\0".join((str(int(seed)), *names))
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


@_compiled
def draw(key: Any, counter: Any) -> Any:
    """Return number `counter` of the generator `key`; it may serve as the key of another."""
    x = key + _ODD * (np.uint64(counter) + np.uint64(1))
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


@_compiled
def uniform(bits: Any) -> Any:
    """Return a number between 0 and 1, both excluded, distributed symmetrically."""
    return (np.float64(bits >> np.uint64(12)) + 0.5) * 2.0**-52


@_compiled
def sample_keys(key: Any, numbers: np.ndarray, step: int) -> np.ndarray:
    """Return the key of each sample for one step."""
    keys = np.empty(numbers.size, np.uint64)
    for b in range(numbers.size):
        keys[b] = draw(draw(key, numbers[b]), step)
    return keys


@_compiled
def uniforms(keys: np.ndarray, neurons: int) -> np.ndarray:
    """Return uniform numbers for all neurons, ``(samples*neurons,)``, from the samples' keys."""
    found = np.empty(keys.size * neurons)
    for b in range(keys.size):
        for i in range(neurons):
            found[b * neurons + i] = uniform(draw(keys[b], i))
    return found


@_compiled
def uniforms_of_steps(
    key: Any, numbers: np.ndarray, first: int, last: int, neurons: int
) -> np.ndarray:
    """Return uniform numbers of several steps, ``(last - first, samples*neurons)``."""
    found = np.empty((last - first, numbers.size * neurons))
    for k in range(last - first):
        found[k] = uniforms(sample_keys(key, numbers, first + k), neurons)
    return found


@_compiled
def uniforms_at(keys: np.ndarray, neurons: int, indices: np.ndarray) -> np.ndarray:
    """Return the elements of `uniforms` at some flat indices."""
    found = np.empty(indices.size)
    for k in range(indices.size):
        b = indices[k] // neurons
        found[k] = uniform(draw(keys[b], indices[k] - b * neurons))
    return found
