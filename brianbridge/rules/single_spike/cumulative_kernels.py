"""Compiled loops of `cumulative_spikes`: one pass over the potentials, one over the gradient.

Arrays have the shape ``(T, neurons)``, with the neurons of all samples. A part of the neurons goes
through all steps before the next, so that what it needs of the step before is in the cache.
"""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled

__all__ = ["fire", "potential_gradient"]

_compiled = compiled(nogil=True, error_model="numpy")
#: Neurons that go through all steps together.
_TILE = 2048


@_compiled
def fire(
    potential: np.ndarray, theta: np.ndarray, width: np.ndarray,
    fired: np.ndarray, steps_fired: np.ndarray, learns: np.ndarray, low: int, high: int,
) -> None:  # fmt: skip
    """Find, for some neurons, whether they have fired by each step and where they have a gradient.

    Parameters
    ----------
    potential : numpy.ndarray, shape (T, neurons)
        Potentials at the end of each step.
    theta, width : numpy.ndarray, shape (neurons,)
        Thresholds, and the distance from them at which the gradient ends.
    fired : numpy.ndarray, shape (T, neurons)
        Filled with 1 from the step of the spike on, and 0 before.
    steps_fired : numpy.ndarray, shape (neurons,)
        Filled with the sum of `fired` over all steps.
    learns : numpy.ndarray of bool, shape (T, neurons)
        Filled with whether the potential has a gradient.
    low, high : int
        First neuron, and the one after the last.
    """
    zero, one = potential.dtype.type(0), potential.dtype.type(1)
    for first in range(low, high, _TILE):
        tile = slice(first, min(first + _TILE, high))
        at, window = theta[tile], width[tile]
        before, sums = np.zeros(at.size, potential.dtype), steps_fired[tile]
        sums[:] = zero
        for k in range(len(potential)):
            now, known, learning = potential[k, tile], fired[k, tile], learns[k, tile]
            for i in range(at.size):
                above = now[i] - at[i]
                over = above > zero
                before[i] = one if over else before[i]
                known[i] = before[i]
                sums[i] += before[i]
                learning[i] = (abs(above) < window[i]) & (over | (before[i] == zero))


@_compiled
def potential_gradient(
    gradient: np.ndarray, of_sums: np.ndarray, learns: np.ndarray, width: np.ndarray,
    found: np.ndarray, low: int, high: int,
) -> None:  # fmt: skip
    """Find the gradient of the potentials of some neurons from that of `fire`'s result.

    Parameters
    ----------
    gradient : numpy.ndarray, shape (T, neurons)
        That of whether neurons have fired.
    of_sums : numpy.ndarray, shape (neurons,)
        That of the sum over all steps.
    learns, width, low, high
        As in `fire`.
    found : numpy.ndarray, shape (T, neurons)
        Filled with the gradient of the potentials.
    """
    zero, two = gradient.dtype.type(0), gradient.dtype.type(2)
    for first in range(low, high, _TILE):
        tile = slice(first, min(first + _TILE, high))
        window, total = two * width[tile], of_sums[tile]
        for k in range(len(found)):
            given, learning, result = gradient[k, tile], learns[k, tile], found[k, tile]
            for i in range(window.size):
                result[i] = (given[i] + total[i] if learning[i] else zero) / window[i]
