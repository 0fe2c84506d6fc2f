"""Fit a neuron to recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.core.namespace import get_local_namespace

from brianbridge.blame import count_as_used
from brianbridge.counters import checked_seed
from brianbridge.errors import InputError
from brianbridge.fitting.annealing import anneal
from brianbridge.fitting.following import Found, descend
from brianbridge.fitting.problem import Problem, is_circuit, leave_out
from brianbridge.fitting.result import Fit
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.arithmetic import little_garbage
from brianbridge.simulation.device import check_runtime_device

if TYPE_CHECKING:
    from brianbridge.fitting.gradient_result import GradientFit

__all__ = ["fit"]


def fit(
    model: Any,
    *,
    input: Any = None,
    target: Any = None,
    loss: Callable[[dict[str, Any], Any], Any] | None = None,
    dt: Any = None,
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
    record: Sequence[str] = (),
    duration: Any = None,
    iterations: int = 100,
    progress: Callable[[int, int, float], None] | None = None,
) -> Fit | SpikeFit | GradientFit:
    r"""Fit parameters of a neuron or a small circuit to traces, spike trains or a loss.

    Many starts run side by side in one Brian2 group. Each is improved by the steps of Levenberg and
    Marquardt, while the neuron follows the recording first closely and then less and less; see
    `brianbridge.fitting.following`, and `brianbridge.fitting.annealing` for spike trains. A loss of
    your own, and a circuit, are fitted by the gradient of the twin: all starts are samples of one
    batch, which Adam and then L-BFGS improve; see `brianbridge.fitting.by_gradient`.

    Parameters
    ----------
    model : NeuronModel, brian2.NeuronGroup, brian2.Network or SpikingNetwork
        The neuron. A state variable of a target that has no initial value starts at its recording.
        Or a circuit: what `brianbridge.from_brian2` reads, with its input.
    input : Quantity, shape (sweeps, times) or (times,), optional
        The input over time, such as a current. Each value is in force for a time `input_dt`. If
        not given, the equations have all input, such as a `TimedArray`.
    target : mapping of str to Quantity, or sequence of Quantity
        What was recorded of state variables, each ``(sweeps, times)`` or ``(times,)``: the first
        value at time 0, the next after a time `target_dt`. Or the spike times of each sweep. Of a
        circuit, ``(neurons, times)`` by population and variable, ``{"cell.v": traces}``.
    loss : callable, optional
        What is minimised instead of the difference from a target: ``loss(traces, spikes)`` returns
        a scalar tensor. `traces` has what `record` names, tensors ``(sweeps, times)`` in SI units;
        `spikes` is a tensor ``(sweeps, times)`` of 0 and 1 with surrogate gradients, or None if the
        neuron has no threshold. Of a circuit, both are by name and ``(neurons, times)``.
    dt : Quantity
        Length of a step of the simulation; of a circuit, that of its clock if not given.
    learn : mapping of str to tuple of Quantity
        The lowest and the highest value of each parameter to learn. Of a circuit, such a mapping
        by population, projection or `Synapses`; their weights by the name of their variable.
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
        For spike trains: the largest distance of spikes that coincide.
    mask_nan : bool
        Whether recordings may have NaN, which are left out.
    record : sequence of str
        The state variables that a loss sees, such as ``["v"]``; of a circuit, ``["cell.v"]``.
    duration : Quantity, optional
        Length of a sweep, for a loss if there is no `input`.
    iterations : int
        Steps of Adam, for a loss or a circuit.
    progress : callable, optional
        Called after each simulation with its number, the largest number of simulations and the
        least loss.

    Returns
    -------
    Fit, SpikeFit or GradientFit
        ``parameters``, ``loss``, ``model``, ``starts``, ``verify()``; for traces of a neuron
        ``intervals``, and for spike trains ``coincidence``.

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
    _check_given(target, loss, starts)
    seed = checked_seed(seed)
    circuit = is_circuit(model)
    if not (circuit or isinstance(model, NeuronModel)):
        read = NeuronModel.from_group(model, level=1)
        count_as_used([model])
        model = read
    if circuit or loss is not None:
        from brianbridge.fitting.gradient_fit import fit_by_gradient

        return fit_by_gradient(
            model, input=input, target=target, loss=loss, dt=dt, learn=learn, starts=int(starts),
            seed=seed, drive=drive, input_dt=input_dt, target_dt=target_dt, t_start=t_start,
            weights=weights, mask_nan=mask_nan, record=record, duration=duration,
            iterations=iterations, progress=progress, namespace=get_local_namespace(1),
        )  # fmt: skip
    leave_out({"record": record or None, "duration": duration}, "a loss or a circuit")
    if not isinstance(target, Mapping):
        only = {"target_dt": target_dt, "input_dt": input_dt, "weights": weights}
        leave_out(only, "traces, but target has spike trains")
        spikes = SpikeProblem.checked(
            model, input=input, target=target, dt=dt, learn=learn, drive=drive, precision=precision
        )
        began = time.perf_counter()
        with little_garbage():
            fired = anneal(spikes, int(starts), seed, progress)
        return SpikeFit(spikes, fired, time.perf_counter() - began)
    problem = Problem.checked(
        model, input=input, target=target, dt=dt, learn=learn, drive=drive, input_dt=input_dt,
        target_dt=target_dt, t_start=t_start, weights=weights, mask_nan=mask_nan,
    )  # fmt: skip
    began = time.perf_counter()
    with little_garbage():
        found = descend(problem, int(starts), seed, progress)
    _check_found(problem, found)
    return Fit(problem, found, time.perf_counter() - began)


def _check_given(target: Any, loss: Any, starts: Any) -> None:
    """Refuse a fit with a target and a loss, or with neither, or with no number of starts."""
    if (target is None) == (loss is None):
        given = "neither" if loss is None else "both"
        raise InputError(f"a fit needs a target or a loss, and there are {given}; give one of them")
    if loss is not None and not callable(loss):
        raise InputError(f"loss = {loss!r:.80} is no function; give one of traces and spikes")
    if isinstance(starts, bool) or not isinstance(starts, int | np.integer) or starts < 1:
        raise InputError(f"starts = {starts!r} is no number of starts; give 1 or more")


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
