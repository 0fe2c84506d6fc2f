"""The result of a fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.following import Found
from brianbridge.fitting.identified import Identified, identified
from brianbridge.fitting.problem import Problem
from brianbridge.fitting.verification import FitVerification, trace_in_brian2, verify_fit
from brianbridge.neurons.quantities import to_json

__all__ = ["Fit", "FitStart", "FittedNeuron"]


@dataclass(frozen=True)
class FitStart:
    """Hold the end of one start.

    Parameters
    ----------
    parameters : dict of str to Quantity
        Where it ended.
    loss : float
        Its loss.
    """

    parameters: dict[str, Any]
    loss: float


class FittedNeuron(ABC):
    """The neuron that a fit found, of any kind."""

    problem: Any
    found: Any
    seconds: float

    @property
    @abstractmethod
    def loss(self) -> float:
        """The least loss."""

    @abstractmethod
    def verify(self) -> FitVerification:
        """Simulate the fitted neuron anew, also at a tenth of the step and by other methods."""

    @cached_property
    def starts(self) -> tuple[FitStart, ...]:
        """What was found from each start, or the sets that were compared; the best one first."""
        ranges = self.problem.ranges
        return tuple(
            FitStart(ranges.quantities(values), float(loss))
            for values, loss in zip(ranges.values(self.found.z), self._losses, strict=True)
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The learned parameters, with their units."""
        return self.starts[0].parameters

    @property
    def model(self) -> Any:
        """The neuron that was given, with the learned parameters."""
        return self.problem.model.with_parameters(**self.parameters)

    def report(self, path: str | Path) -> Path:
        """Write an HTML page with parameters, what was compared, losses and a check in Brian2.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        return self._report(path)

    def to_dict(self) -> dict[str, Any]:
        """Return the result in JSON values: parameters, what was compared, losses, the neuron."""
        return {
            "parameters": {name: to_json(one) for name, one in self.parameters.items()},
            **self._compared(),
            "loss": self.loss,
            "losses_of_starts": [one.loss for one in self.starts],
            "seconds": self.seconds,
            "model": self.model.to_dict(),
        }

    @property
    def _losses(self) -> np.ndarray:
        """The loss of each start."""
        return np.asarray(self.found.losses)

    @abstractmethod
    def _report(self, path: str | Path) -> Path:
        """Write the page of this kind of fit."""

    def _compared(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {}


@dataclass(frozen=True)
class Fit(FittedNeuron):
    """Hold a neuron that was fitted to recordings.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    found : Found
        Where the starts ended, in coordinates from 0 to 1.
    seconds : float
        How long it took.
    """

    problem: Problem = field(repr=False)
    found: Found = field(repr=False)
    seconds: float

    @property
    def loss(self) -> float:
        """The mean squared difference, as a share of the variance of the recording.

        A constant at the mean has the loss 1. Several targets count the same.
        """
        return self.starts[0].loss

    @property
    def _losses(self) -> np.ndarray:
        return self.found.normal.loss

    @cached_property
    def rms(self) -> dict[str, Any]:
        """The root mean square of the differences of each target, with its unit."""
        from brian2 import Quantity

        return {
            name: Quantity(
                np.sqrt(np.mean((traces - self.problem.targets[name])[weights > 0] ** 2)),
                dim=self.problem.dims[name],
            )
            for (name, weights), traces in zip(
                self.problem.weights.items(), self._traces, strict=True
            )
        }

    @property
    def traces(self) -> dict[str, Any]:
        """The traces of the fitted neuron, (sweeps, times) for each target."""
        from brian2 import Quantity

        dims = self.problem.dims
        return {
            name: Quantity(values, dim=dims[name])
            for name, values in zip(dims, self._traces, strict=True)
        }

    @cached_property
    def _traces(self) -> list[np.ndarray]:
        return [one[0] for one in trace_in_brian2(self.problem, self.parameters)]

    @property
    def intervals(self) -> dict[str, tuple[Any, Any]]:
        """An interval of 95 % for each parameter; see `brianbridge.fitting.identified`."""
        low, high = (
            self.problem.ranges.quantities(one)
            for one in (self._identified.low, self._identified.high)
        )
        return {name: (low[name], high[name]) for name in low}

    @property
    def free(self) -> tuple[tuple[str, ...], ...]:
        """Combinations of parameters that the recording does not determine."""
        return self._identified.free

    @cached_property
    def _identified(self) -> Identified:
        problem, normal = self.problem, self.found.normal
        values = sum(int((one > 0).sum()) for one in problem.weights.values())
        return identified(problem.ranges, self.found.z[0], self.loss, normal.curvature[0], values)

    def verify(self) -> FitVerification:
        """Simulate the fitted neuron anew, also at a tenth of the step and by other methods."""
        return verify_fit(self.problem, self.parameters, self.loss)

    def _report(self, path: str | Path) -> Path:
        from brianbridge.fitting.trace_report import write_trace_report

        return write_trace_report(self, path)

    def _compared(self) -> dict[str, Any]:
        return {
            "intervals": {
                name: [to_json(low), to_json(high)] for name, (low, high) in self.intervals.items()
            },
            "not_determined": [list(names) for names in self.free],
            "rms": {name: to_json(one) for name, one in self.rms.items()},
        }

    def __str__(self) -> str:
        lines = [f"loss {self.loss:.3g} of the variance, {self.seconds:.1f} s"]
        for name, (low, high) in self.intervals.items():
            lines.append(f"  {name} = {self.parameters[name]} ({low} to {high})")
        lines += [f"  not determined: {' with '.join(names)}" for names in self.free]
        return "\n".join(lines)
