"""Fit spike trains by their likelihood under escape noise, whose width is found too.

A neuron at a distance ``d`` above its threshold fires with the rate ``exp(d/width)`` per
millisecond (Jolivet et al. 2006, J. Comput. Neurosci. 21:35). The state of the neuron follows from
the recorded spikes (`brianbridge.fitting.forced`), so the likelihood of the recording is a product
over steps. Minus its logarithm is a sum of squares, which Levenberg and Marquardt's steps minimise:
at widths that are halved as long as the likelihood grows, then with the width as one more
parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.annealing import FoundSpikes
from brianbridge.fitting.checkpoint import Arrays, Keep, keep_nothing
from brianbridge.fitting.forced import LIMIT, forced
from brianbridge.fitting.least_squares import minimise
from brianbridge.fitting.ranges import Ranges
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.threshold_distance import (
    ThresholdDistance,
    below_threshold,
    recorded_variables,
)

__all__ = ["likelihood_loss", "most_likely", "noise_dim"]

#: The time in which a neuron at its threshold fires once on average, in seconds.
_TIME = 1e-3
#: A neuron goes no further above its threshold than this many widths; it fires at once there.
_FURTHEST = 3.0
#: Narrowest and widest noise, as a share of the spread of the distance from the threshold.
_NARROWEST, _WIDEST = 2.0**-9, 2.0
_STEPS, _LAST_STEPS, _FEWEST, _LITTLE = 8, 32, 4, 1e-3


def most_likely(
    problem: SpikeProblem,
    starts: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None = None,
    keep: Keep = keep_nothing,
) -> FoundSpikes:
    """Maximise the likelihood of the spike trains of a problem from many starts.

    Parameters
    ----------
    problem : SpikeProblem
        What to fit.
    starts, seed : int
        Number of starts, and the seed that draws them.
    progress : callable, optional
        Called after each simulation with its number, the largest number of simulations and the
        least loss.
    keep : callable
        Keeps the results of each stage; see `brianbridge.fitting.checkpoint`.
    """
    z = problem.ranges.starts(starts, seed)
    ranges = _with_width(problem, ThresholdDistance(problem).scale(z))
    distances = ThresholdDistance(problem, ranges, refractory=True)
    widths = np.arange(0.9, 0, -0.1)  # coordinates: each is half of the one before
    most, number = len(widths) * _STEPS + _LAST_STEPS, 0

    def report(_: int, deviance: np.ndarray) -> None:
        nonlocal number
        number += 1
        if progress is not None:
            progress(number, most, _loss(float(deviance.min()) / 2, problem, problem.dt))

    def narrowed(z: np.ndarray, width: float) -> Arrays:
        z, normal = minimise(
            _roots(distances, ranges, problem.dt, width), z, steps=_STEPS, little=_LITTLE,
            enough=_FEWEST, most=distances.most, each=report,
        )  # fmt: skip
        order = np.argsort(normal.loss, kind="stable")[: max(_FEWEST, len(z) // 2)]
        return z[order], normal.loss[order]

    best, least = z, np.inf
    for width in widths:
        z, losses = keep(partial(narrowed, z, float(width)))
        if losses[0] > least:
            break
        least, best = losses[0], np.column_stack([z, np.full(len(z), width)])
    if not np.isfinite(least):
        raise InputError(
            f"no start of {problem.model.label} gives finite traces; choose narrower ranges, a "
            "smaller dt or another method"
        )
    (z,) = keep(
        lambda: minimise(
            _roots(distances, ranges, problem.dt), best[:_FEWEST], steps=_LAST_STEPS,
            most=distances.most, each=report,
        )[:1]
    )  # fmt: skip
    values = ranges.values(z)[:, -1] / _FURTHEST
    losses = np.array(
        [
            likelihood_loss(problem, problem.ranges.quantities(one), float(width))
            for one, width in zip(ranges.values(z)[:, :-1], values, strict=True)
        ]
    )
    order = np.argsort(losses, kind="stable")
    return FoundSpikes(z[order, :-1], losses[order], values[order])


def likelihood_loss(
    problem: SpikeProblem, parameters: dict[str, Any], width: float, finer: int = 1,
    method: str = "",
) -> float:  # fmt: skip
    """Return the loss of one set of parameters, with each sweep as a whole.

    Parameters
    ----------
    problem : SpikeProblem
        What was fitted.
    parameters : dict of str to Quantity
        The values.
    width : float
        The width of the noise, in the unit of the threshold.
    finer : int
        How many times smaller the step is.
    method : str
        Another method of integration.
    """
    from brian2 import Network, Quantity, StateMonitor, second

    dt, steps = problem.dt / finer, problem.steps * finer
    fires = np.zeros((len(problem.trains), steps), bool)
    for sweep, train in zip(fires, problem.trains, strict=True):
        sweep[np.rint(train / dt).astype(int)] = True
    model = forced(problem.population, fires, dt)
    limit = Quantity(_FURTHEST * width, dim=noise_dim(problem))
    model = model.with_parameters(**parameters, **{LIMIT: limit})
    if method:
        model = replace(model, method=method, initial=model.initial)
    group = model.group(len(fires), dt=dt * second)
    names = recorded_variables(problem.model)
    monitor = StateMonitor(group, names, record=True, when="before_thresholds", order=-1)
    with np.errstate(all="ignore"):
        Network(group, monitor).run(steps * dt * second, namespace={})
        below = below_threshold(*(getattr(monitor, f"{name}_") for name in names))
        return _loss(float(_surprise(below, width, fires, dt).sum()), problem, dt)


def noise_dim(problem: SpikeProblem) -> Any:
    """Return the dimension of the width: that of the variable which passes the threshold."""
    from brian2.units.fundamentalunits import get_dimensions

    return get_dimensions(problem.pieces.parameters[LIMIT])


def _with_width(problem: SpikeProblem, scale: float) -> Ranges:
    """Return the ranges of a problem, and that of the width as the last one."""
    own = problem.ranges
    return Ranges(
        (*own.names, LIMIT),
        np.append(own.low, _FURTHEST * _NARROWEST * scale),
        np.append(own.high, _FURTHEST * _WIDEST * scale),
        (*own.dims, noise_dim(problem)),
    )


def _roots(
    distances: ThresholdDistance, ranges: Ranges, dt: float, width: float | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function whose squares sum to -2 times the log likelihood.

    It takes coordinates (sets, parameters), with that of the width as the last one if not given.
    """

    def residuals(z: np.ndarray) -> np.ndarray:
        if width is not None:
            z = np.column_stack([z, np.full(len(z), width)])
        each = ranges.values(z)[:, -1:] / _FURTHEST
        with np.errstate(all="ignore"):
            return np.sqrt(2 * _surprise(distances(z), each, distances.fires, dt))

    return residuals


def _surprise(
    distance: np.ndarray, width: float | np.ndarray, fires: np.ndarray, dt: float
) -> np.ndarray:
    """Return minus the log likelihood of each step: of its spike, or that there was none."""
    log_rate = np.log(dt / _TIME) + np.minimum(distance / width, _FURTHEST)
    rate = np.exp(log_rate)
    # log(1 - exp(-rate)) is log(rate) where the rate is so small that its exponential is 1.
    fired = np.where(rate < 1e-9, log_rate, np.log(-np.expm1(-rate)))
    return np.where(fires, -fired, rate)


def _loss(surprise: float, problem: SpikeProblem, dt: float) -> float:
    """Return minus the gain of log likelihood for each spike, over spikes at a constant rate."""
    spikes = sum(map(len, problem.trains))
    time = len(problem.trains) * problem.steps * problem.dt
    # In a step of dt, a Poisson process fires with the probability of its rate times dt.
    constant = spikes * (1 - np.log(spikes / time * dt))
    return float((surprise - constant) / spikes)
