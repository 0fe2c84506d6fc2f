"""Minimise a loss that has steps, such as one of spike counts, by differential evolution.

Counts are step functions of parameters, so slopes tell nothing. Rates from interspike intervals
are smooth, but differ from counts by up to a spike, and change abruptly where a neuron begins to
fire. Differential evolution by the counts themselves found f-I curves to the spike in most runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution

from brianbridge.fitting.checkpoint import Keep
from brianbridge.fitting.measured_problem import MeasuredProblem

__all__ = ["Evolved", "evolve"]

#: Largest number of generations.
_GENERATIONS = 60
#: Smallest number of sets for each parameter.
_SETS = 5


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
    problem: MeasuredProblem,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None,
    keep: Keep,
) -> Evolved:
    """Minimise the loss of a problem.

    Parameters
    ----------
    problem : MeasuredProblem
        What to fit.
    starts : int
        Size of a generation; at least five for each parameter.
    seed : int
        Seed of the first generation and of all chance.
    progress : callable, optional
        Called after each generation with its number, the largest number of generations and the
        least loss.
    keep : callable
        See `brianbridge.fitting.checkpoint`.
    """
    parameters = len(problem.ranges.names)
    number, best = 0, np.inf

    def losses(z: np.ndarray) -> np.ndarray:
        nonlocal number, best
        (found,) = keep(lambda: (problem.losses(z.T),))
        number, best = number + 1, min(best, float(found.min()))
        if progress is not None:
            progress(number, _GENERATIONS + 1, best)
        return found

    def enough(intermediate_result: OptimizeResult) -> bool:
        return bool(intermediate_result.fun <= problem.measure.enough)

    found = differential_evolution(
        losses,
        [(0, 1)] * parameters,
        init=problem.ranges.starts(max(starts, _SETS * parameters), seed),
        seed=np.random.default_rng(seed),
        maxiter=_GENERATIONS,
        callback=enough,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    order = np.argsort(found.population_energies, kind="stable")
    return Evolved(found.population[order], found.population_energies[order])
