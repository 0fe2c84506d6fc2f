"""The result of a fit by gradients."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.by_gradient import FoundByGradient
from brianbridge.fitting.loss_problem import LossProblem, Outcome
from brianbridge.fitting.result import FittedNeuron
from brianbridge.fitting.verification import FitVerification, losses_anew

__all__ = ["GradientFit"]


@dataclass(frozen=True)
class GradientFit(FittedNeuron):
    """Hold a neuron or a circuit that was fitted by the gradient of its twin.

    Parameters
    ----------
    problem : LossProblem
        What was fitted.
    found : FoundByGradient
        Where the starts ended, in coordinates from 0 to 1.
    seconds : float
        How long it took.
    """

    problem: LossProblem = field(repr=False)
    found: FoundByGradient = field(repr=False)
    seconds: float

    @property
    def loss(self) -> float:
        """The least loss."""
        return float(self.found.losses[0])

    @property
    def model(self) -> Any:
        """The neuron that was given, or the circuit as a network, with the learned values."""
        return self.problem.fitted(self._values)

    @property
    def traces(self) -> dict[str, Any]:
        """The recorded traces in Brian2, each (sweeps or neurons, times)."""
        return {
            name: self.problem.with_unit(name, trace) for name, trace in self._outcome[0].items()
        }

    @property
    def spikes(self) -> dict[str, np.ndarray]:
        """The spikes in Brian2 by population, each (sweeps or neurons, times)."""
        return {name: one.numpy() for name, one in self._outcome[1].items()}

    @property
    def _values(self) -> np.ndarray:
        return self.problem.ranges.values(self.found.z[0])

    @cached_property
    def _outcome(self) -> Outcome:
        return self.problem.in_brian2(self._values)

    def verify(self) -> FitVerification:
        """Simulate the winner in plain Brian2, also at a tenth of the step and by other methods.

        A loss has any unit. So it counts as the same, or as a little larger, in terms of the
        median loss at the beginning of the starts.
        """

        def loss(finer: int = 1, method: str = "") -> float:
            return self.problem.loss_in_brian2(self._values, finer, method)

        methods = {p.neuron.method for p in self.problem.network.populations}
        only = methods.pop() if len(methods) == 1 else ""
        finite = (row[np.isfinite(row)] for row in self.found.history)
        first = next(row for row in finite if row.size)
        unit = max(float(np.median(abs(first))), abs(self.loss))
        return losses_anew(self.loss, loss, only, unit=unit)

    def _report(self, path: str | Path) -> Path:
        from brianbridge.fitting.gradient_report import write_gradient_report

        return write_gradient_report(self, path)

    def __str__(self) -> str:
        lines = [f"loss {self.loss:.3g}, {self.seconds:.1f} s"]
        return "\n".join([*lines, *(f"  {name} = {one}" for name, one in self.parameters.items())])
