"""Fit a neuron to a loss of the user's, or a circuit, by the gradient of its twin."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.by_gradient import FoundByGradient, descend_by_gradient
from brianbridge.fitting.gradient_problem import Targets, problem_of_circuit, problem_of_neuron
from brianbridge.fitting.gradient_result import GradientFit
from brianbridge.fitting.loss_problem import LossProblem
from brianbridge.fitting.shown import telling
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.arithmetic import little_garbage

__all__ = ["fit_by_gradient"]


def fit_by_gradient(options: Mapping[str, Any], namespace: Mapping[str, Any]) -> GradientFit:
    """Minimise a loss; options are the arguments of `brianbridge.fit`.

    Raises
    ------
    InputError
        If anything does not fit together, no start has a finite loss, or the loss depends on no
        start on a value.
    """
    names = ["dt", "duration", "learn", "loss", "record", "seed"]
    if isinstance(options["model"], NeuronModel):
        names += ["input", "drive", "input_dt"]
        given = {name: options[name] for name in names}
        problem = problem_of_neuron(options["model"], **given)
    else:
        given = {name: options[name] for name in names}
        targets = Targets(
            options["target"], options["target_dt"], options["t_start"], options["weights"],
            options["mask_nan"],
        )  # fmt: skip
        problem = problem_of_circuit(
            options["model"], targets=targets, namespace=namespace, **given
        )
    began = time.perf_counter()
    with little_garbage(), telling(options["progress"]) as progress:
        found = descend_by_gradient(
            problem, options["starts"], options["seed"], options["iterations"], progress
        )
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
