"""The result of a fit to spike trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.annealing import FoundSpikes
from brianbridge.fitting.escape_noise import likelihood_loss, noise_dim
from brianbridge.fitting.result import FittedNeuron
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
    def loss(self) -> float:
        """The mean loss of all sweeps by the metric: 0 if all spikes are at their recorded times.

        About 1 if no spikes coincide. It is 1 minus the coincidence factor, the squared distance of
        van Rossum as a share of half the number of spikes in both trains, or the distance of Victor
        and Purpura as a share of this number. For a likelihood, it is minus what the logarithm of
        the likelihood gains for each spike over spikes at a constant rate.
        """
        return float(self.found.losses[0])

    @cached_property
    def coincidence(self) -> float:
        """The coincidence factor Gamma: 1 if all spikes coincide, 0 if as many as by chance.

        It is that of the neuron without noise.
        """
        return 1 - self.problem.distance(self._trains(1, ""), "gamma")

    @property
    def noise(self) -> Any:
        """The width of the escape noise of a fit by the likelihood, a Quantity; else None.

        At a distance ``d`` above its threshold, the neuron fires with the rate
        ``exp(d/noise)/ms``.
        """
        from brian2 import Quantity

        if self.found.widths is None:
            return None
        return Quantity(self.found.widths[0], dim=noise_dim(self.problem))

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
        return losses_anew(self.loss, self._simulated_loss, self.problem.population.method)

    def _simulated_loss(self, finer: int = 1, method: str = "") -> float:
        """Return the loss in a group of one neuron for each sweep."""
        if self.found.widths is None:
            return self.problem.distance(self._trains(finer, method))
        width = float(self.found.widths[0])
        return likelihood_loss(self.problem, self.parameters, width, finer, method)

    def score(self, input: Any, trains: Any) -> float:
        """Return the coincidence factor for other input, such as one that was held out.

        With another metric than ``"gamma"``, return the loss by that metric.

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
            learn=one.ranges.as_given(), precision=one.precision, metric=one.metric,
        )  # fmt: skip
        loss = SpikeFit(other, self.found, 0.0)._simulated_loss()
        return 1 - loss if one.metric == "gamma" else loss

    def _report(self, path: str | Path) -> Path:
        from brianbridge.fitting.spike_report import write_spike_report

        return write_spike_report(self, path)

    def _compared(self) -> dict[str, Any]:
        return {
            "coincidence": self.coincidence,
            "metric": self.problem.metric,
            "noise": None if self.noise is None else to_json(self.noise),
        }

    def __str__(self) -> str:
        within = self.problem.precision * 1e3
        lines = [
            f"coincidence factor {self.coincidence:.3g} at {within:g} ms, {self.seconds:.1f} s"
        ]
        lines += [f"  {name} = {one}" for name, one in self.parameters.items()]
        if self.problem.metric != "gamma":
            lines[0] += f", {self.problem.metric} loss {self.loss:.3g}"
        if self.noise is not None:
            lines.append(f"  width of the noise = {self.noise}")
        return "\n".join(lines)
