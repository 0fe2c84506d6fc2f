"""The result of a fit to rates or features."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.differential import Evolved
from brianbridge.fitting.measured_problem import MeasuredProblem
from brianbridge.fitting.result import FittedNeuron
from brianbridge.fitting.verification import FitVerification, losses_anew, recorded_alone
from brianbridge.neurons.quantities import to_json

__all__ = ["MeasuredFit"]


@dataclass(frozen=True)
class MeasuredFit(FittedNeuron):
    """Hold a neuron that was fitted to firing rates or features.

    Parameters
    ----------
    problem : MeasuredProblem
        What was fitted.
    found : Evolved
        The coordinates that were found.
    seconds : float
        How long it took.
    """

    problem: MeasuredProblem = field(repr=False)
    found: Evolved = field(repr=False)
    seconds: float

    @property
    def loss(self) -> float:
        """The mean squared difference, each divided by its scale.

        The scale of rates is the largest one. Differences of more than 10 scales, and features that
        the fitted neuron does not have, count as 10.
        """
        return self.starts[0].loss

    @property
    def wanted(self) -> dict[str, Any]:
        """What the neuron was fitted to, by name: ``"rate"`` or the features, one per sweep."""
        measure = self.problem.measure
        return measure.quantities(measure.wanted)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """What the fitted neuron has, by name, one value for each sweep; NaN where it has none."""
        measure = self.problem.measure
        return measure.quantities(measure.of(self._recorded(1, ""), self.problem.dt))

    def _recorded(self, finer: int, method: str) -> Any:
        from brian2 import SpikeMonitor, StateMonitor, second

        problem, variable = self.problem, self.problem.measure.variable

        def monitor(group: Any) -> Any:
            if not variable:
                return SpikeMonitor(group)
            return StateMonitor(group, variable, record=True, dt=problem.dt * second)

        made = recorded_alone(problem, self.parameters, monitor, finer, method)
        if variable:
            return np.array(getattr(made, f"{variable}_"))  # its memory ends with the monitor
        return [made.t_[made.i == k] for k in range(problem.sweeps)]

    def verify(self) -> FitVerification:
        """Simulate the fitted neuron anew, also at a tenth of the step and by other methods."""

        def loss(finer: int = 1, method: str = "") -> float:
            return self.problem.loss(self._recorded(finer, method))

        return losses_anew(self.loss, loss, self.problem.population.method)

    def _report(self, path: str | Path) -> Path:
        from brianbridge.fitting.measured_report import write_measured_report

        return write_measured_report(self, path)

    def _compared(self) -> dict[str, Any]:
        return {
            "wanted": {name: to_json(one) for name, one in self.wanted.items()},
            "measured": {name: to_json(one) for name, one in self.measured.items()},
        }

    def __str__(self) -> str:
        lines = [f"loss {self.loss:.3g}, {self.seconds:.1f} s"]
        lines += [f"  {name} = {one}" for name, one in self.parameters.items()]
        for name, one in self.measured.items():
            lines.append(f"  {name}: {one}, wanted {self.wanted[name]}")
        return "\n".join(lines)
