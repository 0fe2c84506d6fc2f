"""Fit a neuron to a loss of the user's, or a circuit, by the gradient of its twin."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.by_gradient import FoundByGradient, descend_by_gradient
from brianbridge.fitting.gradient_problem import Targets, problem_of_circuit, problem_of_neuron
from brianbridge.fitting.gradient_result import GradientFit
from brianbridge.fitting.loss_problem import LossProblem
from brianbridge.fitting.problem import leave_out
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.arithmetic import little_garbage

__all__ = ["fit_by_gradient"]


def fit_by_gradient(
    model: Any,
    *,
    input: Any,
    target: Any,
    loss: Callable[..., Any] | None,
    dt: Any,
    learn: Mapping[str, Any],
    starts: int,
    seed: int,
    drive: str,
    input_dt: Any,
    target_dt: Any,
    t_start: Any,
    weights: Any,
    mask_nan: bool,
    record: Sequence[str],
    duration: Any,
    iterations: int,
    progress: Callable[[int, int, float], None] | None,
    namespace: Mapping[str, Any],
) -> GradientFit:
    """Minimise a loss; arguments are those of `brianbridge.fit`.

    Raises
    ------
    InputError
        If anything does not fit together, no start has a finite loss, or the loss depends on no
        start on a value.
    """
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
        raise InputError(f"iterations = {iterations!r}; give a whole number of 1 or more")
    of_traces = {"target_dt": target_dt, "weights": weights, "t_start": t_start or None}
    if loss is not None:
        leave_out({**of_traces, "mask_nan": mask_nan or None}, "a target, but the fit has a loss")
    elif record:
        leave_out({"record": record}, "a loss, but the fit has a target")
    if isinstance(model, NeuronModel):
        assert loss is not None, "other fits of a neuron need no gradient"
        problem = problem_of_neuron(
            model, input=input, drive=drive, dt=dt, input_dt=input_dt, duration=duration,
            learn=learn, loss=loss, record=record, seed=seed,
        )  # fmt: skip
    else:
        leave_out(
            {"input": input, "drive": drive or None, "input_dt": input_dt}, "a neuron",
            "give a circuit its input by a SpikeGeneratorGroup or a TimedArray",
        )  # fmt: skip
        targets = Targets(target, target_dt, t_start, weights, mask_nan)
        problem = problem_of_circuit(
            model, dt=dt, duration=duration, learn=learn, loss=loss, targets=targets,
            record=record, seed=seed, namespace=namespace,
        )  # fmt: skip
    began = time.perf_counter()
    with little_garbage():
        found = descend_by_gradient(problem, starts, seed, iterations, progress)
    _check_found(problem, found)
    return GradientFit(problem, found, time.perf_counter() - began)


def _check_found(problem: LossProblem, found: FoundByGradient) -> None:
    """Refuse a fit without a finite loss, or with a value that it does not depend on."""
    if not np.isfinite(found.losses[0]):
        raise InputError(
            "the loss is not finite at any start; choose narrower ranges, a smaller dt or another "
            "loss"
        )
    for name in np.array(problem.ranges.names)[~found.depends]:
        raise InputError(f"the loss does not depend on '{name}'; leave it out of learn")
