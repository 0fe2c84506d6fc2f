"""Minimise a loss that has steps, such as one of spike counts, by differential evolution.

Counts are step functions of parameters, so slopes tell nothing. Differential evolution by the
counts themselves found f-I curves of three neurons to within one spike, from five seeds each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution

from brianbridge.fitting.checkpoint import Keep
from brianbridge.fitting.following import NOTHING, Found, Runs
from brianbridge.fitting.least_squares import normal_equations
from brianbridge.fitting.measured_problem import MeasuredProblem
from brianbridge.fitting.problem import Problem
from brianbridge.fitting.ranges import Ranges

__all__ = ["Evolved", "evolve_measures", "evolve_traces"]

#: Largest number of generations.
_GENERATIONS = 60
#: Smallest number of sets for each parameter.
_SETS = 10
#: Slopes are those of differences over this share of a range, which is wider than a step.
_DISTANCE = 0.01
#: The loss of traces that are not finite.
_NOT_FINITE = 1e6


@dataclass(frozen=True)
class Evolved:
    """Hold the last generation.

    Parameters
    ----------
    z : numpy.ndarray, shape (sets, parameters)
        Coordinates from 0 to 1, the best ones first.
    losses : numpy.ndarray, shape (sets,)
        Their losses.
    """

    z: np.ndarray
    losses: np.ndarray


def evolve(
    losses: Callable[[np.ndarray], np.ndarray],
    ranges: Ranges,
    enough: float,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None,
    keep: Keep,
) -> Evolved:
    """Minimise a loss.

    Parameters
    ----------
    losses : callable
        Takes coordinates ``(sets, parameters)`` and returns losses ``(sets,)``.
    ranges : Ranges
        The parameters.
    enough : float
        A loss that is as good as 0.
    starts : int
        Size of a generation; at least ten for each parameter.
    seed : int
        Seed of the first generation and of all chance.
    progress : callable, optional
        Called after each generation with its number, the largest number of generations and the
        least loss.
    keep : callable
        See `brianbridge.fitting.checkpoint`.
    """
    parameters = len(ranges.names)
    number, best = 0, np.inf

    def generation(z: np.ndarray) -> np.ndarray:
        nonlocal number, best
        (found,) = keep(lambda: (losses(z.T),))
        number, best = number + 1, min(best, float(found.min()))
        if progress is not None:
            progress(number, _GENERATIONS + 1, best)
        return found

    def done(intermediate_result: OptimizeResult) -> bool:
        return bool(intermediate_result.fun <= enough)

    found = differential_evolution(
        generation,
        [(0, 1)] * parameters,
        init=ranges.starts(max(starts, _SETS * parameters), seed),
        seed=np.random.default_rng(seed),
        maxiter=_GENERATIONS,
        callback=done,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    order = np.argsort(found.population_energies, kind="stable")
    return Evolved(found.population[order], found.population_energies[order])


def evolve_measures(
    problem: MeasuredProblem,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None,
    keep: Keep,
) -> Evolved:
    """Fit rates or features; see `evolve`."""
    return evolve(
        problem.losses, problem.ranges, problem.measure.enough, starts, seed, progress, keep
    )


def evolve_traces(
    problem: Problem,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None,
    keep: Keep,
) -> Found:
    """Fit traces of neurons that run by themselves; see `evolve`.

    This finds parameters on which only spike times depend, such as a threshold, and is what descent
    along slopes can be compared with.
    """
    run = Runs(problem)
    residuals = run.at(0.0)

    def losses(z: np.ndarray) -> np.ndarray:
        parts = np.split(z, [*range(run.most, len(z), run.most)])
        with np.errstate(all="ignore"):
            found = np.concatenate([(residuals(part) ** 2).sum(1) for part in parts])
        return np.where(np.isfinite(found), found, _NOT_FINITE)

    evolved = evolve(losses, problem.ranges, NOTHING, starts, seed, progress, keep)
    best = evolved.z[:1]
    normal = normal_equations(residuals, best, distance=_DISTANCE)
    return Found(best, normal, [evolved.losses], run.simulations)
