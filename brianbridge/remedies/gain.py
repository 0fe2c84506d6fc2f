"""Find the gain that gives a wanted spike count, and apply a gain to a population."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from brianbridge.network import Population, SpikingNetwork

__all__ = ["fitted_gain", "with_gain"]

#: A gain at most doubles or halves until the wanted count lies between two counts.
_STEP = math.log(2.0)


def fitted_gain(
    count_of: Callable[[float], float], wanted: float, rounds: int, tolerance: float
) -> float:
    """Return the gain whose count is closest to a wanted count; counts grow with the gain.

    Parameters
    ----------
    count_of : callable
        Returns the count at a gain.
    wanted : float
        Wanted count, above 0.
    rounds : int
        Largest number of calls.
    tolerance : float
        The search ends when a count is this close, as a share of `wanted`.

    Returns
    -------
    float
        The best gain that was tried, or the first of several. A gain of 1 is tried first.

    Examples
    --------
    >>> round(fitted_gain(lambda gain: 30*gain**2, 60.0, rounds=10, tolerance=1e-6), 4)
    1.4142
    """
    u, best, least = 0.0, 0.0, math.inf
    before: tuple[float, float] | None = None  # logarithm of the last gain, and its count
    low: tuple[float, float] | None = None  # logarithm of a gain that is too small, and its error
    high: tuple[float, float] | None = None
    for number in range(rounds):
        count = count_of(math.exp(u))
        error = count - wanted
        if abs(error) < least:
            best, least = u, abs(error)
        if abs(error) <= tolerance * wanted:
            break
        if error < 0:
            low = (u, error)
        else:
            high = (u, error)
        if low is None or high is None:
            step = _STEP
            if count > 0:
                step = math.log(wanted / count) / _growth(before, (u, count))
            before = (u, count)
            u += min(max(step, -_STEP), _STEP)
        elif number % 3 == 2:  # counts are step functions, on which the secant may get stuck
            u = (low[0] + high[0]) / 2
        else:
            u = low[0] + (high[0] - low[0]) * low[1] / (low[1] - high[1])
    return math.exp(best)


def _growth(before: tuple[float, float] | None, now: tuple[float, float]) -> float:
    """Return the exponent of a count as a power of the gain; 1 if two counts do not show it."""
    if before is None or before[1] <= 0 or before[0] == now[0]:
        return 1.0
    growth = math.log(now[1] / before[1]) / (now[0] - before[0])
    return growth if growth > 0.1 else 1.0


def with_gain(
    network: SpikingNetwork, name: str, gain: float, of: Literal["weights", "threshold"]
) -> SpikingNetwork:
    """Return the network with the weights into a population multiplied, or thresholds divided.

    Frozen weights do not change.
    """
    if of == "weights":
        changed = {
            p.name: (_times(p.weight, gain), None if p.bias is None else _times(p.bias, gain))
            for p in network.incoming(name)
            if not p.frozen
        }
        return network.with_weights(changed)

    def scaled(population: Population) -> Population:
        if population.name != name:
            return population
        theta = population.neuron.parameters["theta"] / gain
        return replace(population, neuron=population.neuron.with_parameters(theta=theta))

    return replace(network, populations=tuple(scaled(p) for p in network.populations))


def _times(values: np.ndarray, gain: float) -> np.ndarray:
    # Keep the type: weights in float32 stay so, in files and in the twin.
    kept = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    return (values * gain).astype(kept)
