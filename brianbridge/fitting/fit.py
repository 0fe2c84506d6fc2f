"""Fit a neuron to recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import numpy as np

from brianbridge.blame import count_as_used
from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.annealing import anneal
from brianbridge.fitting.checkpoint import Checkpoint, Keep, digests, keep_nothing
from brianbridge.fitting.differential import evolve_measures, evolve_traces
from brianbridge.fitting.features import Features
from brianbridge.fitting.following import Found, descend
from brianbridge.fitting.measured_problem import MeasuredProblem
from brianbridge.fitting.measured_result import MeasuredFit
from brianbridge.fitting.measures import as_rates
from brianbridge.fitting.problem import Problem
from brianbridge.fitting.result import Fit
from brianbridge.fitting.spike_problem import SpikeProblem
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.arithmetic import little_garbage
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.interrupts import interruptible

__all__ = ["fit"]


#: What searches the parameters of traces.
_OPTIMIZERS = {"least_squares": descend, "evolution": evolve_traces}
_DEFAULT = "least_squares"


class _Options(TypedDict, total=False):
    """The arguments of `fit` that each kind of target has."""

    input: Any
    starts: int
    seed: int
    drive: str
    input_dt: Any
    target_dt: Any
    t_start: Any
    weights: Any
    mask_nan: bool
    precision: Any
    optimizer: str
    progress: Callable[[int, int, float], None] | None
    checkpoint: str | Path | None


@overload
def fit(
    model: Any,
    *,
    target: Mapping[str, Any],
    dt: Any,
    learn: Mapping[str, Any],
    **options: Unpack[_Options],
) -> Fit: ...


@overload
def fit(
    model: Any,
    *,
    target: Features,
    dt: Any,
    learn: Mapping[str, Any],
    **options: Unpack[_Options],
) -> MeasuredFit: ...


@overload
def fit(
    model: Any,
    *,
    target: Sequence[Any],
    dt: Any,
    learn: Mapping[str, Any],
    **options: Unpack[_Options],
) -> SpikeFit: ...


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
    progress: Callable[[int, int, float], None] | None = None,
    optimizer: str = _DEFAULT,
    checkpoint: str | Path | None = None,
) -> Fit | SpikeFit | MeasuredFit:
    r"""Fit parameters of a neuron to recorded traces, spike trains, firing rates or features.

    Many starts run side by side in one Brian2 group. Each is improved by the steps of Levenberg and
    Marquardt, while the neuron follows the recording first closely and then less and less; see
    `brianbridge.fitting.following`, and `brianbridge.fitting.annealing` for spike trains. Rates and
    features are fitted by differential evolution; see `brianbridge.fitting.differential`.

    Parameters
    ----------
    model : NeuronModel or brian2.NeuronGroup
        The neuron. A state variable of a target that has no initial value starts at its recording.
    input : Quantity, shape (sweeps, times) or (times,), optional
        The input over time, such as a current. Each value is in force for a time `input_dt`. If
        not given, the equations have all input, such as a `TimedArray`.
    target : mapping of str to Quantity, sequence of Quantity, Quantity or Features
        What was recorded of state variables, each ``(sweeps, times)`` or ``(times,)``: the first
        value at time 0, the next after a time `target_dt`. Or the spike times of each sweep. Or a
        firing rate for each sweep, such as ``[0, 12, 31]*Hz``. Or `brianbridge.fitting.Features`.
    dt : Quantity
        Length of a step of the simulation.
    learn : mapping of str to tuple of Quantity
        The lowest and the highest value of each parameter to learn.
    starts : int
        Number of starts, drawn from a Sobol sequence within the ranges. For rates and features,
        the size of a generation; at least ten for each parameter.
    seed : int
        Seed of this sequence.
    drive : str, optional
        The parameter of the equations that the input sets; the model's ``drive`` by default.
    input_dt, target_dt : Quantity, optional
        Time between values of the input and of the targets; `dt` by default.
    t_start : Quantity
        The time before which nothing is compared; not for spike trains.
    weights : array, broadcasts to (sweeps, times), optional
        Weights of the squared differences.
    precision : Quantity or str
        For spike trains: the largest distance of spikes that coincide.
    mask_nan : bool
        Whether recordings may have NaN, which are left out.
    progress : callable, optional
        Called after each simulation with its number, the largest number of simulations and the
        least loss.
    optimizer : str
        For traces: ``"least_squares"``, or ``"evolution"`` for parameters on which only spike times
        depend, such as a threshold.
    checkpoint : path-like, optional
        A file that keeps what is found. A fit that was interrupted goes on from it if it is called
        again, with the same result.

    Returns
    -------
    Fit, SpikeFit or MeasuredFit
        ``parameters``, ``loss``, ``model``, ``starts``, ``verify()``; for traces ``intervals``, for
        spike trains ``coincidence``, and for rates and features ``measured``.

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
    given = {"input": input, "dt": dt, "learn": learn, "drive": drive}
    for_traces = {"target_dt": target_dt, "weights": weights}
    search = _Search(int(starts), seed, progress, checkpoint)
    if optimizer not in _OPTIMIZERS:
        hint = did_you_mean(str(optimizer), _OPTIMIZERS)
        raise InputError(f"there is no optimizer {optimizer!r:.80}. {hint}")
    if isinstance(target, Mapping):
        return search.traces(
            Problem.checked(
                model, target=target, input_dt=input_dt, t_start=t_start, mask_nan=mask_nan,
                **for_traces, **given,
            ),
            _OPTIMIZERS[optimizer],
        )  # fmt: skip
    for_traces["optimizer"] = None if optimizer == _DEFAULT else optimizer
    measure = target.measure(model) if isinstance(target, Features) else as_rates(target)
    if measure is not None:
        _leave_out(for_traces, "rates or features")
        return search.measures(
            MeasuredProblem.checked(
                model, measure=measure, input_dt=input_dt, t_start=t_start, **given
            )
        )
    _leave_out({**for_traces, "input_dt": input_dt}, "spike trains")
    return search.spikes(SpikeProblem.checked(model, target=target, precision=precision, **given))


def _leave_out(options: Mapping[str, Any], what: str) -> None:
    for name in (name for name, value in options.items() if value is not None):
        raise InputError(f"{name} is for traces, but target has {what}; leave it out")


@dataclass(frozen=True)
class _Search:
    """Search the parameters of a problem; see `fit` for what it holds."""

    starts: int
    seed: int
    progress: Callable[[int, int, float], None] | None
    checkpoint: str | Path | None

    def traces(self, problem: Problem, optimizer: Callable[..., Found]) -> Fit:
        found, seconds = self._run(optimizer, problem)
        if not np.isfinite(found.normal.loss[0]):
            raise InputError(
                f"no start of {problem.model.label} gives finite traces; choose narrower ranges, a "
                "smaller dt or another method"
            )
        return Fit(problem, found, seconds)

    def spikes(self, problem: SpikeProblem) -> SpikeFit:
        return SpikeFit(problem, *self._run(anneal, problem))

    def measures(self, problem: MeasuredProblem) -> MeasuredFit:
        return MeasuredFit(problem, *self._run(evolve_measures, problem))

    def _run(self, search: Callable[..., Any], problem: Any) -> tuple[Any, float]:
        """Return what a search finds, and the seconds that it takes."""
        keep: Keep = keep_nothing
        if self.checkpoint is not None:
            own = digests(problem, search.__name__, self.starts, self.seed)
            keep = Checkpoint(self.checkpoint, own)
        began = time.perf_counter()
        with little_garbage(), interruptible():
            found = search(problem, self.starts, self.seed, self.progress, keep)
        return found, time.perf_counter() - began
