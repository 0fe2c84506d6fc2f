"""Lower the distance of spike trains by an evolution strategy, from the best coordinates known.

Each round draws samples around a mean, and moves mean and covariance towards the best quarter. Only
their order counts. Many sets of parameters may have the coincidence factor 1; among those with the
same loss, the order is that of the distance of van Rossum, which tells how far coinciding spikes
are apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.spike_trains import SpikeTrains

__all__ = ["ROUNDS", "evolve"]

ROUNDS, _SAMPLES = 32, 64
#: The least deviation that the first samples have, in coordinates from 0 to 1.
_DEVIATION = 0.02
#: A distance as good as 0: nearly all spikes are in the same step. And a deviation of samples that
#: hardly differ.
_ENOUGH, _SAME = 1e-3, 1e-4


def evolve(
    problem: SpikeProblem,
    z: np.ndarray,
    deviation: np.ndarray,
    rng: np.random.Generator,
    report: Callable[[int, float], object],
) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates and their losses, the best ones first.

    Parameters
    ----------
    problem : SpikeProblem
        What is fitted.
    z : numpy.ndarray, shape (sets, parameters)
        Coordinates to begin with.
    deviation : numpy.ndarray, shape (parameters,)
        How far the first samples are from the best of them.
    rng : numpy.random.Generator
        Draws the samples.
    report : callable
        Called before each round with its number and the least loss.
    """
    run = SpikeTrains(problem.population, len(problem.trains), problem.ranges, problem.dt)

    def losses(sets: np.ndarray) -> np.ndarray:
        trains = run(problem.ranges.values(sets), problem.steps)
        return np.array(
            [[problem.distance(one), problem.distance(one, "van_rossum")] for one in trains]
        )

    found = losses(z)
    order = np.lexsort(found.T[::-1])
    z, found = z[order], found[order]
    mean, covariance = z[0], np.diag(np.maximum(deviation, _DEVIATION) ** 2)
    kept = _SAMPLES // 4
    shares = np.log(kept + 1) - np.log(np.arange(1, kept + 1))
    shares /= shares.sum()
    for number in range(ROUNDS):
        report(number, float(found[0, 0]))
        if found[0].max() <= _ENOUGH or np.diag(covariance).max() <= _SAME**2:
            break
        samples = np.clip(rng.multivariate_normal(mean, covariance, _SAMPLES), 0, 1)
        fresh = losses(samples)
        best = np.lexsort(fresh.T[::-1])[:kept]
        moved = samples[best] - mean
        mean = mean + shares @ moved
        covariance = 0.3 * covariance + 0.7 * (moved * shares[:, None]).T @ moved
        z, found = np.concatenate([z, samples[best]]), np.concatenate([found, fresh[best]])
        order = np.lexsort(found.T[::-1])
        z, found = z[order], found[order]
    return z, found[:, 0]
