"""Fit spike trains: the neuron fires with its recording, under noise that gets less and less.

The neuron fires at the recorded times (`brianbridge.fitting.forced`), so that its state follows
from the recording. Its threshold is soft: a neuron at a distance ``d`` below it fires with a
probability that grows as ``exp(d/width)``. The likelihood of the recorded spikes is then a smooth
function of the parameters. Its deviance is a sum of squares, which Levenberg and Marquardt's steps
minimise. The width is halved from stage to stage; the best ends of all stages then fire by
themselves, and an evolution strategy, small steps around the best one, raises their coincidence
factor.

A penalty on the distance at recorded spikes alone was tried too: it has minima at long time
constants, with a neuron that rests at its threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from brianbridge.fitting.checkpoint import Arrays, Keep, keep_nothing
from brianbridge.fitting.forced import DISTANCE
from brianbridge.fitting.least_squares import minimise
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.spike_trains import SpikeTrains
from brianbridge.fitting.traces import Traces

__all__ = ["FoundSpikes", "anneal"]

#: Halvings of the width, and simulations at each width.
_HALVINGS, _STEPS = 8, 8
_FEWEST, _LITTLE = 4, 1e-3
#: Rounds and samples of the evolution strategy, and a coincidence that is as good as 1.
_ROUNDS, _SAMPLES, _ENOUGH = 24, 64, 0.9995
#: The least deviation that its first samples have, in coordinates from 0 to 1.
_DEVIATION = 0.02
#: Numbers in the traces of one simulation.
_LARGEST = 3e7


@dataclass(frozen=True)
class FoundSpikes:
    """Hold the best coordinates, and the coincidence factors of all that fired by themselves.

    Parameters
    ----------
    z : numpy.ndarray, shape (sets, parameters)
        Coordinates from 0 to 1, the best one first.
    coincidences : numpy.ndarray, shape (sets,)
        Their coincidence factors.
    """

    z: np.ndarray
    coincidences: np.ndarray


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
        Called after each simulation with its number, the largest number of simulations and 1 minus
        the best coincidence factor; 1 until neurons fire by themselves.
    keep : callable
        Keeps the results of each stage; see `brianbridge.fitting.checkpoint`.
    """
    z = problem.ranges.starts(starts, seed)
    distances = _Distances(problem)
    scale, pool, number = distances.scale(z), [], 0
    most = _HALVINGS * _STEPS + 1 + _ROUNDS

    def told(_: int, loss: np.ndarray) -> None:
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
            each=told,
        )
        return (z[np.argsort(normal.loss, kind="stable")][: max(_FEWEST, len(z) // 2)],)

    for stage in range(_HALVINGS):
        residuals = distances.deviance(scale * 0.5**stage, scale)
        (z,) = keep(partial(narrowed, residuals, z))
        pool.append(z[:2])
    deviation = np.maximum(abs(pool[-1][0] - pool[-3][0]), _DEVIATION)
    ended = keep(
        lambda: _evolve(
            problem, np.concatenate(pool), deviation, np.random.default_rng(seed),
            lambda k, best: progress and progress(most - _ROUNDS + k, most, 1 - best),
        )
    )  # fmt: skip
    return FoundSpikes(*ended)


def _evolve(
    problem: SpikeProblem,
    z: np.ndarray,
    deviation: np.ndarray,
    rng: np.random.Generator,
    told: Callable[[int, float], object],
) -> Arrays:
    """Raise the coincidence factor by samples around the best coordinates."""
    run = SpikeTrains(problem.population, len(problem.trains), problem.ranges, problem.dt)

    def scores(sets: np.ndarray) -> np.ndarray:
        trains = run(problem.ranges.values(sets), problem.steps)
        return np.array([problem.coincidence(one) for one in trains])

    all_z, all_scores = z, scores(z)
    mean, covariance = z[int(np.argmax(all_scores))], np.diag(deviation**2)
    kept = _SAMPLES // 4
    shares = np.log(kept + 1) - np.log(np.arange(1, kept + 1))
    shares /= shares.sum()
    for number in range(_ROUNDS):
        told(number, float(all_scores.max()))
        if all_scores.max() >= _ENOUGH:
            break
        samples = np.clip(rng.multivariate_normal(mean, covariance, _SAMPLES), 0, 1)
        found = scores(samples)
        best = np.argsort(-found, kind="stable")[:kept]
        moved = samples[best] - mean
        mean = mean + shares @ moved
        covariance = 0.3 * covariance + 0.7 * (moved * shares[:, None]).T @ moved
        all_z = np.concatenate([all_z, samples[best]])
        all_scores = np.concatenate([all_scores, found[best]])
    order = np.argsort(-all_scores, kind="stable")
    return all_z[order], all_scores[order]


class _Distances:
    """Compute distances from the threshold, and the deviance of the recorded spikes."""

    def __init__(self, problem: SpikeProblem) -> None:
        self._problem = problem
        self._fires = problem.fires[problem.counts]
        values = problem.counts.size * (len(problem.ranges.names) + 1)
        self.most = max(1, int(_LARGEST // values))
        self._traces: tuple[int, Traces] | None = None

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Return the distances at coordinates (sets, parameters), (sets, steps)."""
        problem = self._problem
        if self._traces is None or self._traces[0] != len(z):
            pieces, steps = problem.fires.shape
            made = Traces(
                problem.pieces, pieces, problem.ranges, len(z), (DISTANCE,), problem.dt, steps, 1,
                when="before_thresholds",
            )  # fmt: skip
            self._traces = len(z), made
        return np.asarray(self._traces[1](problem.ranges.values(z))[0][:, problem.counts])

    def scale(self, z: np.ndarray) -> float:
        """Return how much distances vary with time, the median over some starts."""
        below = np.minimum(self(z[: min(len(z), self.most)]), 0)
        with np.errstate(all="ignore"):
            spread = below.std(1)
        usable = np.isfinite(spread) & (spread > 0)
        return float(np.median(spread[usable])) if usable.any() else 1.0

    def deviance(self, width: float, scale: float) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function that computes the roots of the deviance of each step."""
        # At its threshold a neuron fires within a step if noise is little, and later if it is not.
        at_threshold = np.log(1 / (1 + 4 * width / scale))

        def residuals(z: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                log_rate = at_threshold + np.minimum(self(z) / width, 3)
                rate = np.exp(log_rate)
                missed = np.sign(1 - rate) * np.sqrt(np.maximum(2 * (rate - 1 - log_rate), 0))
                return np.where(self._fires, missed, np.sqrt(2 * rate))

        return residuals
