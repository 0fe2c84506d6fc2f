"""Fit spike trains: the neuron fires with its recording, under noise that gets less and less.

The neuron fires at the recorded times (`brianbridge.fitting.forced`), so that its state follows
from the recording. Its threshold is soft: a neuron at a distance ``d`` below it fires with a
probability that grows as ``exp(d/width)``. The likelihood of the recorded spikes is then a smooth
function of the parameters. Its deviance is a sum of squares, which Levenberg and Marquardt's steps
minimise. The width is halved from stage to stage; the best ends of all stages then fire by
themselves, and small steps around the best one lower their loss (`brianbridge.fitting.evolving`).

A penalty on the distance at recorded spikes alone was tried too: it has minima at long time
constants, with a neuron that rests at its threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from brianbridge.fitting.checkpoint import Arrays, Keep, keep_nothing
from brianbridge.fitting.evolving import ROUNDS, evolve
from brianbridge.fitting.least_squares import minimise
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.threshold_distance import ThresholdDistance

__all__ = ["FoundSpikes", "anneal"]

#: Halvings of the width, and simulations at each width.
_HALVINGS, _STEPS = 8, 8
_FEWEST, _LITTLE = 4, 1e-3


@dataclass(frozen=True)
class FoundSpikes:
    """Hold the best coordinates and their losses.

    Parameters
    ----------
    z : numpy.ndarray, shape (sets, parameters)
        Coordinates from 0 to 1, the best one first.
    losses : numpy.ndarray, shape (sets,)
        Their losses.
    widths : numpy.ndarray, shape (sets,), optional
        The widths of their escape noise, in the unit of the threshold; for a likelihood only.
    """

    z: np.ndarray
    losses: np.ndarray
    widths: np.ndarray | None = None


def anneal(
    problem: SpikeProblem,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None = None,
    keep: Keep = keep_nothing,
) -> FoundSpikes:
    """Fit the spike trains of a problem from many starts.

    Parameters
    ----------
    problem : SpikeProblem
        What to fit.
    starts, seed : int
        Number of starts, and the seed that draws them.
    progress : callable, optional
        Called after each simulation with its number, the largest number of simulations and the
        least loss; 1 until neurons fire by themselves.
    keep : callable
        Keeps the results of each stage; see `brianbridge.fitting.checkpoint`.
    """
    z = problem.ranges.starts(starts, seed)
    distances = ThresholdDistance(problem)
    scale, pool, number = distances.scale(z), [], 0
    most = _HALVINGS * _STEPS + 1 + ROUNDS

    def report(_: int, loss: np.ndarray) -> None:
        nonlocal number
        number += 1
        if progress is not None:
            progress(number, most, 1.0)

    def narrowed(residuals: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> Arrays:
        z, normal = minimise(
            residuals,
            z,
            steps=_STEPS,
            little=_LITTLE,
            enough=_FEWEST,
            most=distances.most,
            each=report,
        )
        return (z[np.argsort(normal.loss, kind="stable")][: max(_FEWEST, len(z) // 2)],)

    for stage in range(_HALVINGS):
        residuals = _deviance(distances, scale * 0.5**stage, scale)
        (z,) = keep(partial(narrowed, residuals, z))
        pool.append(z[:2])
    deviation = abs(pool[-1][0] - pool[-3][0])
    ended = keep(
        lambda: evolve(
            problem, np.concatenate(pool), deviation, np.random.default_rng(seed),
            lambda k, least: progress and progress(most - ROUNDS + k, most, least),
        )
    )  # fmt: skip
    return FoundSpikes(*ended)


def _deviance(
    distances: ThresholdDistance, width: float, scale: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that computes the roots of the deviance of each step."""
    # At its threshold a neuron fires within a step if noise is little, and later if it is not.
    at_threshold = np.log(1 / (1 + 4 * width / scale))

    def residuals(z: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            log_rate = at_threshold + np.minimum(distances(z) / width, 3)
            rate = np.exp(log_rate)
            missed = np.sign(1 - rate) * np.sqrt(np.maximum(2 * (rate - 1 - log_rate), 0))
            return np.where(distances.fires, missed, np.sqrt(2 * rate))

    return residuals
