"""Fit a neuron to recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from brianbridge.blame import count_as_used
from brianbridge.errors import InputError
from brianbridge.fitting.annealing import anneal
from brianbridge.fitting.escape_noise import most_likely
from brianbridge.fitting.following import Found, descend
from brianbridge.fitting.problem import Problem
from brianbridge.fitting.result import Fit
from brianbridge.fitting.spike_problem import LIKELIHOOD, SpikeProblem
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import seconds
from brianbridge.simulation.arithmetic import little_garbage
from brianbridge.simulation.device import check_runtime_device

__all__ = ["fit"]


def fit(
    model: Any,
    *,
    input: Any = None,
    target: Any,
    dt: Any,
    learn: Mapping[str, Any],
    starts: int = 32,
    seed: int = 0,
    drive: str = "",
    input_dt: Any = None,
    target_dt: Any = None,
    t_start: Any = 0.0,
    weights: Any = None,
    mask_nan: bool = False,
    precision: Any = "2 ms",
    metric: str = "gamma",
    progress: Callable[[int, int, float], None] | None = None,
) -> Fit | SpikeFit:
    r"""Fit parameters of a neuron to recorded traces, or to spike trains.

    Many starts run side by side in one Brian2 group. Each is improved by the steps of Levenberg and
    Marquardt, while the neuron follows the recording first closely and then less and less; see
    `brianbridge.fitting.following`, and `brianbridge.fitting.annealing` for spike trains.

    Parameters
    ----------
    model : NeuronModel or brian2.NeuronGroup
        The neuron. A state variable of a target that has no initial value starts at its recording.
    input : Quantity, shape (sweeps, times) or (times,), optional
        The input over time, such as a current. Each value is in force for a time `input_dt`. If
        not given, the equations have all input, such as a `TimedArray`.
    target : mapping of str to Quantity, or sequence of Quantity
        What was recorded of state variables, each ``(sweeps, times)`` or ``(times,)``: the first
        value at time 0, the next after a time `target_dt`. Or the spike times of each sweep.
    dt : Quantity
        Length of a step of the simulation.
    learn : mapping of str to tuple of Quantity
        The lowest and the highest value of each parameter to learn.
    starts : int
        Number of starts, drawn from a Sobol sequence within the ranges.
    seed : int
        Seed of this sequence.
    drive : str, optional
        The parameter of the equations that the input sets; the model's ``drive`` by default.
    input_dt, target_dt : Quantity, optional
        Time between values of the input and of the targets; `dt` by default.
    t_start : Quantity
        The time before which nothing is compared.
    weights : array, broadcasts to (sweeps, times), optional
        Weights of the squared differences.
    precision : Quantity or str
        For spike trains: the largest distance of spikes that coincide (``"gamma"``), the time
        constant (``"van_rossum"``), or the time by which a spike is moved at the cost of 1
        (``"victor_purpura"``).
    metric : str
        For spike trains: what the last stage improves and `loss` is; ``"gamma"``, the coincidence
        factor, ``"van_rossum"`` or ``"victor_purpura"``. With ``"likelihood"``, the neuron has
        escape noise, whose width is found too.
    mask_nan : bool
        Whether recordings may have NaN, which are left out.
    progress : callable, optional
        Called after each simulation with its number, the largest number of simulations and the
        least loss.

    Returns
    -------
    Fit or SpikeFit
        ``parameters``, ``loss``, ``model``, ``starts``, ``verify()``; for traces ``intervals``, and
        for spike trains ``coincidence``.

    Raises
    ------
    InputError
        If names, units, lengths or ranges do not fit, before anything is simulated; or if no start
        gives finite traces, or no start depends on a parameter.

    Examples
    --------
    >>> import brianbridge as bb
    >>> from brian2 import Hz, ms
    >>> lif = bb.NeuronModel("dv/dt = -v/tau + drive : 1\ndrive : Hz", drive="drive",
    ...                      parameters={"tau": 20*ms})
    >>> t = np.arange(100)*0.1*ms
    >>> recorded = {"v": 1 - np.exp(-t/(10*ms))}             # of a neuron with tau = 10 ms
    >>> found = bb.fit(lif, input=np.full(100, 100)*Hz, target=recorded, dt=0.1*ms, starts=4,
    ...                learn={"tau": (1*ms, 100*ms)})
    >>> found.parameters
    {'tau': 10. * msecond}
    """
    check_runtime_device("fit")
    if not isinstance(model, NeuronModel):
        read = NeuronModel.from_group(model, level=1)
        count_as_used([model])
        model = read
    if isinstance(starts, bool) or not isinstance(starts, int | np.integer) or starts < 1:
        raise InputError(f"starts = {starts!r} is no number of starts; give 1 or more")
    if not isinstance(target, Mapping):
        only = {
            "target_dt": target_dt is not None, "input_dt": input_dt is not None,
            "weights": weights is not None, "mask_nan": mask_nan,
            "t_start": seconds(t_start, "t_start", zero=True) > 0,
        }  # fmt: skip
        for name in (name for name, given in only.items() if given):
            raise InputError(f"{name} is for traces, but target has spike trains; leave it out")
        spikes = SpikeProblem.checked(
            model, input=input, target=target, dt=dt, learn=learn, drive=drive, precision=precision,
            metric=metric,
        )  # fmt: skip
        began = time.perf_counter()
        with little_garbage():
            search = most_likely if metric == LIKELIHOOD else anneal
            fired = search(spikes, int(starts), seed, progress)
        return SpikeFit(spikes, fired, time.perf_counter() - began)
    if metric != "gamma":
        raise InputError(
            f"metric = '{metric}' is for spike trains; leave it out, or give their times"
        )
    problem = Problem.checked(
        model, input=input, target=target, dt=dt, learn=learn, drive=drive, input_dt=input_dt,
        target_dt=target_dt, t_start=t_start, weights=weights, mask_nan=mask_nan,
    )  # fmt: skip
    began = time.perf_counter()
    with little_garbage():
        found = descend(problem, int(starts), seed, progress)
    _check_found(problem, found)
    return Fit(problem, found, time.perf_counter() - began)


def _check_found(problem: Problem, found: Found) -> None:
    """Refuse a fit without finite traces, or with a parameter that nothing depends on."""
    if not np.isfinite(found.normal.loss[0]):
        raise InputError(
            f"no start of {problem.model.label} gives finite traces; choose narrower ranges, a "
            "smaller dt or another method"
        )
    slopes = np.einsum("spp->sp", found.normal.curvature)
    for name in np.array(problem.ranges.names)[(slopes == 0).all(0)]:
        raise InputError(f"the targets do not depend on '{name}'; leave it out of learn")
