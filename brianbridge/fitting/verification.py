"""Simulate a fitted neuron anew: as it stands, at a finer step and by other methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.problem import Problem

__all__ = [
    "FitVerification",
    "losses_anew",
    "recorded_alone",
    "trace_in_brian2",
    "verify_fit",
]

#: Methods that a fit is repeated with, if its equations allow them.
_METHODS = ("exponential_euler", "rk4")
_FINER = 10
#: A loss is the same if it differs by no more than this share of the variance.
_ROUNDING = 1e-9
#: A fit holds if its loss, as a share of the variance, rises by less than this.
_HOLDS = 0.01


@dataclass(frozen=True)
class FitVerification:
    """Hold the losses of a fitted neuron in simulations of its own.

    Parameters
    ----------
    fitted : float
        The loss that the fit reported.
    again : float
        The loss in a group of the fitted neurons, without anything else.
    finer : float
        The loss at a tenth of the step.
    methods : dict of str to float
        The loss by other methods of integration, at the step of the fit.
    unit : float
        What losses are compared in; 1 if they are shares of a variance.
    """

    fitted: float
    again: float
    finer: float
    methods: dict[str, float]
    unit: float = 1.0

    @property
    def same(self) -> bool:
        """Whether the loss is the one that the fit reported, up to rounding."""
        return abs(self.again - self.fitted) <= _ROUNDING * self.unit

    @property
    def holds(self) -> bool:
        """Whether the loss stays as low at a finer step and by other methods."""
        most = self.again + _HOLDS * self.unit
        return all(one < most for one in (self.finer, *self.methods.values()))

    def __str__(self) -> str:
        lines = [
            f"loss of the fit        {self.fitted:.3g}",
            f"simulated anew         {self.again:.3g}" + ("" if self.same else "  DIFFERS"),
            f"at a tenth of the step {self.finer:.3g}",
            *(f"{f'by {name}':<22} {loss:.3g}" for name, loss in self.methods.items()),
        ]
        if not self.holds:
            lines.append("The fit holds only at its own step or method; fit with a smaller dt.")
        return "\n".join(lines)


def loss_in_brian2(
    problem: Problem, parameters: dict[str, Any], *, finer: int = 1, method: str = ""
) -> float:
    """Return the loss of one set of parameters, in a group of one neuron for each sweep.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    parameters : dict of str to Quantity
        The values, which become constants of the group.
    finer : int
        How many times smaller the step is.
    method : str
        Another method of integration.
    """
    return float(
        np.sum(problem.residuals(trace_in_brian2(problem, parameters, finer, method)) ** 2)
    )


def trace_in_brian2(
    problem: Problem, parameters: dict[str, Any], finer: int = 1, method: str = ""
) -> list[np.ndarray]:
    """Return the trace of each target, each of shape (1, sweeps, times)."""
    from brian2 import StateMonitor, second

    def monitor(group: Any) -> Any:
        period = problem.dt * problem.every * second
        return StateMonitor(group, tuple(problem.targets), record=True, dt=period)

    made = recorded_alone(problem, parameters, monitor, finer, method)
    # Copies, because Brian2 frees the memory with the monitor.
    return [np.array(getattr(made, f"{name}_"))[None] for name in problem.targets]


def recorded_alone(
    problem: Any,
    parameters: dict[str, Any],
    monitor: Callable[[Any], Any],
    finer: int = 1,
    method: str = "",
) -> Any:
    """Return the monitor of a group that has one neuron for each sweep, after its run.

    Parameters
    ----------
    problem : Problem, SpikeProblem or MeasuredProblem
        What was fitted.
    parameters : dict of str to Quantity
        The values, which become constants of the group.
    monitor : callable
        Takes the group, and returns its monitor.
    finer : int
        How many times smaller the step is.
    method : str
        Another method of integration.
    """
    from brian2 import Network, second

    model = problem.population.with_parameters(**parameters)
    if method:
        model = replace(model, method=method, initial=model.initial)
    group = model.group(problem.sweeps, dt=problem.dt / finer * second)
    made = monitor(group)
    with np.errstate(all="ignore"):
        Network(group, made).run(problem.steps * problem.dt * second, namespace={})
    return made


def verify_fit(problem: Problem, parameters: dict[str, Any], loss: float) -> FitVerification:
    """Simulate a fitted neuron anew, at a finer step and by other methods."""

    def again(finer: int = 1, method: str = "") -> float:
        return loss_in_brian2(problem, parameters, finer=finer, method=method)

    return losses_anew(loss, again, problem.population.method)


def losses_anew(
    fitted: float, loss: Callable[..., float], method: str, unit: float = 1.0
) -> FitVerification:
    """Compare the loss of a fit with losses in simulations of its own.

    Parameters
    ----------
    fitted : float
        The loss that the fit reported.
    loss : callable
        Returns the loss; takes ``finer=``, how many times smaller the step is, and ``method=``.
    method : str
        The method of the fit.
    unit : float
        What losses are compared in.
    """
    methods = {}
    for name in _METHODS:
        if name != method:
            try:
                methods[name] = loss(method=name)
            except InputError:
                continue  # the equations do not allow this method
    return FitVerification(fitted, loss(), loss(finer=_FINER), methods, unit)
