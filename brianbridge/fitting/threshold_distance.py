"""Distances from the threshold of neurons that fire when their recording does."""

from __future__ import annotations

import numpy as np

from brianbridge.fitting.forced import DISTANCE
from brianbridge.fitting.ranges import Ranges
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.traces import Traces
from brianbridge.neurons.model import NeuronModel

__all__ = ["ThresholdDistance", "below_threshold", "recorded_variables"]

#: Numbers in the traces of one simulation.
_LARGEST = 3e7


class ThresholdDistance:
    """Compute how far neurons are above their threshold in each step, at any coordinates.

    Parameters
    ----------
    problem : SpikeProblem
        What is fitted.
    ranges : Ranges, optional
        The parameters that differ between sets; those of the problem by default.
    refractory : bool
        Whether a neuron in its refractory period counts as infinitely far below its threshold.
    """

    def __init__(
        self, problem: SpikeProblem, ranges: Ranges | None = None, refractory: bool = False
    ) -> None:
        self._problem, self._ranges = problem, ranges or problem.ranges
        self._variables = recorded_variables(problem.model) if refractory else (DISTANCE,)
        self.fires = problem.fires[problem.counts]
        values = problem.counts.size * (len(self._ranges.names) + 1)
        self.most = max(1, int(_LARGEST // values))
        self._traces: tuple[int, Traces] | None = None

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Return the distances at coordinates (sets, parameters), (sets, steps)."""
        problem = self._problem
        if self._traces is None or self._traces[0] != len(z):
            pieces, steps = problem.fires.shape
            made = Traces(
                problem.pieces, pieces, self._ranges, len(z), self._variables, problem.dt, steps, 1,
                when="before_thresholds",
            )  # fmt: skip
            self._traces = len(z), made
        found = self._traces[1](self._ranges.values(z))
        return below_threshold(*(one[:, problem.counts] for one in found))

    def scale(self, z: np.ndarray) -> float:
        """Return how much distances vary with time, the median over some starts."""
        below = np.minimum(self(z[: min(len(z), self.most)]), 0)
        with np.errstate(all="ignore"):
            spread = below.std(1)
        usable = np.isfinite(spread) & (spread > 0)
        return float(np.median(spread[usable])) if usable.any() else 1.0


def recorded_variables(model: NeuronModel) -> tuple[str, ...]:
    """Return the variables to record: distance from threshold, and whether a neuron may fire."""
    return (DISTANCE,) if model.refractory is None else (DISTANCE, "not_refractory")


def below_threshold(distance: np.ndarray, free: np.ndarray | None = None) -> np.ndarray:
    """Return the distance of neurons that may fire, and minus infinity for refractory ones."""
    return distance if free is None else np.where(free, distance, -np.inf)
