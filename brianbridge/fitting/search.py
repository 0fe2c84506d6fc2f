"""Fit a neuron by simulations in Brian2: to traces, spike trains, rates or features."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.annealing import anneal
from brianbridge.fitting.checkpoint import Checkpoint, Keep, digests, keep_nothing
from brianbridge.fitting.differential import evolve_measures, evolve_traces
from brianbridge.fitting.escape_noise import most_likely
from brianbridge.fitting.following import Found, descend
from brianbridge.fitting.measured_problem import MeasuredProblem
from brianbridge.fitting.measured_result import MeasuredFit
from brianbridge.fitting.problem import Problem
from brianbridge.fitting.result import Fit
from brianbridge.fitting.shown import telling
from brianbridge.fitting.spike_problem import LIKELIHOOD, SpikeProblem
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.simulation.arithmetic import little_garbage
from brianbridge.simulation.interrupts import interruptible

__all__ = ["fit_to_measures", "fit_to_spikes", "fit_to_traces"]

#: What searches the parameters of traces.
_OPTIMIZERS: dict[str, Callable[..., Found]] = {
    "least_squares": descend,
    "evolution": evolve_traces,
}


def fit_to_traces(options: Mapping[str, Any]) -> Fit:
    """Fit a neuron to traces; options are the arguments of `brianbridge.fit`.

    Raises
    ------
    InputError
        If anything does not fit together, or no start gives finite traces.
    """
    optimizer = options["optimizer"]
    if optimizer not in tuple(_OPTIMIZERS):
        hint = did_you_mean(optimizer, _OPTIMIZERS)
        raise InputError(f"there is no optimizer {optimizer!r:.80}. {hint}")
    names = ("input", "target", "dt", "learn", "drive", "input_dt", "target_dt", "t_start",
             "weights", "mask_nan")  # fmt: skip
    problem = Problem.checked(options["model"], **{name: options[name] for name in names})
    found, seconds = _searched(_OPTIMIZERS[optimizer], problem, options)
    if not np.isfinite(found.normal.loss[0]):
        raise InputError(
            f"no start of {problem.model.label} gives finite traces; choose narrower ranges, a "
            "smaller dt or another method"
        )
    return Fit(problem, found, seconds)


def fit_to_spikes(options: Mapping[str, Any]) -> SpikeFit:
    """Fit a neuron to spike trains; options are the arguments of `brianbridge.fit`.

    Raises
    ------
    InputError
        If anything does not fit together.
    """
    names = ("input", "target", "dt", "learn", "drive", "precision", "metric")
    problem = SpikeProblem.checked(options["model"], **{name: options[name] for name in names})
    search = most_likely if problem.metric == LIKELIHOOD else anneal
    return SpikeFit(problem, *_searched(search, problem, options))


def fit_to_measures(options: Mapping[str, Any], measure: Any) -> MeasuredFit:
    """Fit a neuron to rates or features; options are the arguments of `brianbridge.fit`.

    Parameters
    ----------
    options : mapping of str to Any
        The arguments.
    measure : callable
        Takes the number of sweeps, ``t_start`` and their length, and returns what is compared.

    Raises
    ------
    InputError
        If anything does not fit together.
    """
    names = ("input", "dt", "learn", "drive", "input_dt", "t_start")
    given = {name: options[name] for name in names}
    problem = MeasuredProblem.checked(options["model"], measure=measure, **given)
    return MeasuredFit(problem, *_searched(evolve_measures, problem, options))


def _searched(
    search: Callable[..., Any], problem: Any, options: Mapping[str, Any]
) -> tuple[Any, float]:
    """Return the result of a search, and the seconds that it takes."""
    starts, seed = options["starts"], options["seed"]
    keep: Keep = keep_nothing
    if options["checkpoint"] is not None:
        own = digests(problem, search.__name__, starts, seed)
        keep = Checkpoint(options["checkpoint"], own)
    began = time.perf_counter()
    with little_garbage(), interruptible(), telling(options["progress"]) as progress:
        found = search(problem, starts, seed, progress, keep)
    return found, time.perf_counter() - began
