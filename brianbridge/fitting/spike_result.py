"""The result of a fit to spike trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from brianbridge.fitting.annealing import FoundSpikes
from brianbridge.fitting.result import FitStart, FittedNeuron
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.verification import FitVerification, losses_anew, recorded_alone
from brianbridge.neurons.quantities import to_json

__all__ = ["SpikeFit"]


@dataclass(frozen=True)
class SpikeFit(FittedNeuron):
    """Hold a neuron that was fitted to spike trains.

    Parameters
    ----------
    problem : SpikeProblem
        What was fitted.
    found : FoundSpikes
        The coordinates that were found.
    seconds : float
        How long it took.
    """

    problem: SpikeProblem = field(repr=False)
    found: FoundSpikes = field(repr=False)
    seconds: float

    @property
    def coincidence(self) -> float:
        """The coincidence factor Gamma: 1 if all spikes coincide, 0 if as many as by chance."""
        return float(self.found.coincidences[0])

    @property
    def loss(self) -> float:
        """1 minus the coincidence factor."""
        return 1 - self.coincidence

    @cached_property
    def starts(self) -> tuple[FitStart, ...]:
        """The parameters whose spikes were compared, the best ones first."""
        ranges = self.problem.ranges
        return tuple(
            FitStart(ranges.quantities(values), 1 - float(one))
            for values, one in zip(
                ranges.values(self.found.z), self.found.coincidences, strict=True
            )
        )

    @property
    def trains(self) -> list[Any]:
        """The spike times of the fitted neuron in each sweep."""
        from brian2 import second

        return [one * second for one in self._trains(1, "")]

    def _trains(self, finer: int, method: str) -> list[np.ndarray]:
        """Return spike times in a group of one neuron for each sweep."""
        from brian2 import SpikeMonitor

        made = recorded_alone(self.problem, self.parameters, SpikeMonitor, finer, method)
        return [made.t_[made.i == k] for k in range(self.problem.sweeps)]

    def verify(self) -> FitVerification:
        """Simulate the fitted neuron anew, also at a tenth of the step and by other methods."""

        def loss(finer: int = 1, method: str = "") -> float:
            return 1 - self.problem.coincidence(self._trains(finer, method))

        return losses_anew(self.loss, loss, self.problem.population.method)

    def score(self, input: Any, trains: Any) -> float:
        """Return the coincidence factor for other input, such as one that was held out.

        Parameters
        ----------
        input : Quantity, shape (sweeps, times) or (times,)
            The input over time.
        trains : sequence of Quantity
            The spike times that were recorded in each sweep.
        """
        one = self.problem
        other = SpikeProblem.checked(
            one.model, input=input, target=trains, dt=one.dt, drive=one.drive,
            learn=one.ranges.as_given(), precision=one.precision,
        )  # fmt: skip
        again = SpikeFit(other, self.found, 0.0)
        return other.coincidence(again._trains(1, ""))

    def to_dict(self) -> dict[str, Any]:
        """Return the result in JSON values: parameters, coincidence factor and the neuron."""
        return {
            "parameters": {name: to_json(one) for name, one in self.parameters.items()},
            "coincidence": self.coincidence,
            "loss": self.loss,
            "seconds": self.seconds,
            "model": self.model.to_dict(),
        }

    def __str__(self) -> str:
        within = self.problem.precision * 1e3
        lines = [
            f"coincidence factor {self.coincidence:.3g} at {within:g} ms, {self.seconds:.1f} s"
        ]
        return "\n".join([*lines, *(f"  {name} = {one}" for name, one in self.parameters.items())])
