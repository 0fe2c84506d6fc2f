"""Fit the traces of a neuron: it follows the recording closely at first, and then less and less.

Two things make the loss of a spiking trace hard to descend. A spike that comes a little late counts
twice, and a small change of a parameter moves all later spikes. So the neuron follows the recording
at first: in each step its recorded variables move towards the recording (see
`brianbridge.fitting.driven.followed`). What is compared is the prediction before each such move. It
depends on the parameters smoothly, and all starts find the same minimum. Then the time in which the
neuron follows gets longer, and at last it runs by itself.

Pieces that start at recorded values (multiple shooting) do the same without noise. But a piece that
starts within a spike at a noisy value spikes or does not; with 1 mV of noise, pieces of 10 ms had
minima far from the truth. With stages of 0.1, 1 and 10 ms alone, two of ten fits of ten parameters
to such a recording ended in other minima.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from brian2.units.fundamentalunits import DIMENSIONLESS

from brianbridge.errors import InputError
from brianbridge.fitting.checkpoint import Keep, keep_nothing
from brianbridge.fitting.driven import GAIN, followed
from brianbridge.fitting.least_squares import Normal, minimise, normal_equations
from brianbridge.fitting.problem import Problem
from brianbridge.fitting.ranges import Ranges
from brianbridge.fitting.traces import Traces

__all__ = ["NOTHING", "Found", "Runs", "descend"]

#: Times in which a neuron follows the recording, in seconds, one stage after another.
_STAGES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, np.inf)
#: Simulations in a stage, and in the last one. After 48, five of six fits to a neuron with slow
#: adaptation were on their way in a narrow valley, and their intervals missed the truth.
_STEPS, _LAST_STEPS = 16, 200
#: While the neuron follows, a start has converged once its loss falls by less than this share.
_LITTLE = 1e-3
#: Starts that go on to the next stage: a quarter, but at least this many.
_FEWEST = 4
#: A loss that is as good as 0: differences of 1e-8 of the standard deviation.
NOTHING = 1e-16
#: Numbers in the traces of one simulation.
_LARGEST = 3e7


@dataclass(frozen=True)
class Found:
    """Results of the descent from all starts.

    Parameters
    ----------
    z : numpy.ndarray, shape (starts, parameters)
        The end of each start, in coordinates from 0 to 1, in the order of their losses.
    normal : Normal
        Loss, gradient and curvature there, with the neuron by itself.
    losses : list of numpy.ndarray
        The losses of the starts after each stage, in their order.
    simulations : int
        Number of simulations.
    """

    z: np.ndarray
    normal: Normal
    losses: list[np.ndarray]
    simulations: int


def descend(
    problem: Problem,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None = None,
    keep: Keep = keep_nothing,
) -> Found:
    """Minimise the loss of a problem from many starts.

    Parameters
    ----------
    problem : Problem
        What to fit.
    starts : int
        Number of starts.
    seed : int
        Seed of the Sobol sequence that draws them.
    progress : callable, optional
        Called after each simulation with its number, the largest number of simulations and the
        least loss.
    keep : callable
        Keeps the results of each stage; see `brianbridge.fitting.checkpoint`.

    Raises
    ------
    InputError
        If the traces of no start depend on a parameter.
    """
    run = Runs(problem)
    z = problem.ranges.starts(starts, seed)
    losses: list[np.ndarray] = []
    for time in _STAGES:
        if losses and losses[-1][0] <= NOTHING and time < np.inf:
            continue  # the recording is explained; only the last stage is left
        gain = 1 - np.exp(-problem.dt * problem.every / time)
        z, normal = run.stage(z, gain, progress, keep, first=not losses)
        losses.append(normal.loss)
        if gain:
            z = z[: max(_FEWEST, len(z) // 4)]
    return Found(z, normal, losses, run.simulations)


class Runs:
    """Simulate a problem, with neurons that follow the recording by a gain."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self.simulations = problem, 0
        self._model = followed(problem.population, problem.recorded(), problem.dt * problem.every)
        own = problem.ranges
        self._ranges = Ranges(
            (*own.names, GAIN),
            np.append(own.low, 0.0),
            np.append(own.high, 1.0),
            (*own.dims, DIMENSIONLESS),
        )
        values = sum(v.size for v in problem.targets.values())
        self.most = max(1, int(_LARGEST // (values * (len(own.names) + 1))))
        self._traces: tuple[int, Traces] | None = None

    def stage(
        self,
        z: np.ndarray,
        gain: float,
        progress: Callable[[int, int, float], None] | None,
        keep: Keep,
        first: bool,
    ) -> tuple[np.ndarray, Normal]:
        """Minimise the loss with a gain, and return where starts end in the order of their losses.

        In the first stage, refuse parameters without effect.
        """
        most = _STEPS * (len(_STAGES) - 1) + _LAST_STEPS

        def report(_: int, loss: np.ndarray) -> None:
            if progress is not None:
                progress(self.simulations, most, float(loss.min()))

        def compute() -> tuple[np.ndarray, ...]:
            ended, normal = minimise(
                self.at(gain),
                z,
                steps=_STEPS if gain else _LAST_STEPS,
                least=NOTHING,
                little=_LITTLE if gain else 1e-8,
                enough=max(_FEWEST, len(z) // 4),
                most=self.most,
                each=report,
                first=(lambda found: self._refuse_idle(z, found)) if first else None,
            )
            order = np.argsort(normal.loss, kind="stable")
            best = normal.take(order)
            simulations = np.array(self.simulations)
            return ended[order], best.loss, best.gradient, best.curvature, simulations

        z, loss, gradient, curvature, simulations = keep(compute)
        self.simulations = int(simulations)
        return z, Normal(loss, gradient, curvature)

    def _refuse_idle(self, z: np.ndarray, normal: Normal) -> None:
        """Refuse a parameter that changes neither neurons that follow nor those that do not."""
        idle = _idle(normal)
        if idle.any():
            idle &= _idle(normal_equations(self.at(0.0), z, self.most))
        for name in np.array(self._problem.ranges.names)[idle]:
            raise InputError(
                f"the targets do not depend on '{name}', or by steps only, as on a threshold; "
                "leave it out of learn, or give optimizer='evolution'"
                + ("" if self._problem.has_input else "; or give the input, of which there is none")
            )

    def at(self, gain: float) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function that computes the residuals of coordinates (sets, parameters)."""
        problem = self._problem

        def residuals(z: np.ndarray) -> np.ndarray:
            self.simulations += 1
            values = np.column_stack([problem.ranges.values(z), np.full(len(z), gain)])
            return problem.residuals(self._of(len(z))(values))

        return residuals

    def _of(self, sets: int) -> Traces:
        """Return a group for a number of sets; the last one is kept."""
        problem = self._problem
        if self._traces is None or self._traces[0] != sets:
            made = Traces(
                self._model, problem.sweeps, self._ranges, sets, tuple(problem.targets),
                problem.dt, problem.steps, problem.every,
            )  # fmt: skip
            self._traces = sets, made
        return self._traces[1]


def _idle(normal: Normal) -> np.ndarray:
    """Return which parameters have no slope at any start."""
    slopes = np.einsum("spp->sp", normal.curvature)[np.isfinite(normal.loss)]
    return (slopes == 0).all(0) & bool(len(slopes))
