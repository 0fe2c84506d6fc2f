"""Fit a neuron or a small circuit to recordings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from brian2.core.namespace import get_local_namespace

from brianbridge.blame import count_as_used
from brianbridge.counters import checked_seed
from brianbridge.fitting.arguments import check_arguments, check_single
from brianbridge.fitting.features import Features
from brianbridge.fitting.kinds import check_options, kind_of
from brianbridge.fitting.measured_result import MeasuredFit
from brianbridge.fitting.measures import as_rates
from brianbridge.fitting.problem import is_circuit
from brianbridge.fitting.result import Fit
from brianbridge.fitting.search import fit_to_measures, fit_to_spikes, fit_to_traces
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.plain_seconds import warn_of_seconds
from brianbridge.simulation.device import check_runtime_device

if TYPE_CHECKING:
    from brianbridge.fitting.gradient_result import GradientFit

__all__ = ["fit"]


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
    metric: str
    record: Sequence[str]
    duration: Any
    iterations: int
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


@overload
def fit(
    model: Any,
    *,
    loss: Callable[[dict[str, Any], Any], Any],
    learn: Mapping[str, Any],
    dt: Any = ...,
    **options: Unpack[_Options],
) -> GradientFit: ...


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
    metric: str = "gamma",
    progress: Callable[[int, int, float], None] | None = None,
    optimizer: str = "least_squares",
    checkpoint: str | Path | None = None,
) -> Fit | SpikeFit | MeasuredFit | GradientFit:
    r"""Fit parameters of a neuron or a small circuit to recordings, or to a loss of your own.

    Many starts run side by side in one Brian2 group. Each is improved by the steps of Levenberg and
    Marquardt, while the neuron follows the recording first closely and then less and less; see
    `brianbridge.fitting.following`, and `brianbridge.fitting.annealing` for spike trains. Rates and
    features are fitted by differential evolution (`brianbridge.fitting.differential`). A loss of
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
    target : mapping of str to Quantity, sequence of Quantity, Quantity or Features
        What was recorded of state variables, each ``(sweeps, times)`` or ``(times,)``: the first
        value at time 0, the next after a time `target_dt`. Or the spike times of each sweep. Or a
        firing rate for each sweep, such as ``[0, 12, 31]*Hz``. Or `brianbridge.fitting.Features`.
        Of a circuit, ``(neurons, times)`` by population and variable, ``{"cell.v": traces}``.
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
        For spike trains: the largest distance of spikes that coincide (``"gamma"``), the time
        constant (``"van_rossum"``), or the time by which a spike is moved at the cost of 1
        (``"victor_purpura"``).
    metric : str
        For spike trains: what the last stage improves and `loss` is; ``"gamma"``, the coincidence
        factor, ``"van_rossum"`` or ``"victor_purpura"``. With ``"likelihood"``, the neuron has
        escape noise, whose width is found too.
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
        least loss; if not given, progress is shown.
    optimizer : str
        For traces: ``"least_squares"``, or ``"evolution"`` for parameters on which only spike times
        depend, such as a threshold.
    checkpoint : path-like, optional
        A file that keeps what is found. A fit that was interrupted goes on from it if it is called
        again, with the same result. Not for circuits and losses.

    Returns
    -------
    Fit, SpikeFit, MeasuredFit or GradientFit
        ``parameters``, ``loss``, ``model``, ``starts``, ``verify()``; for traces of a neuron
        ``intervals``, for spike trains ``coincidence``, and for rates and features ``measured``.

    Raises
    ------
    InputError
        If names, units, lengths or ranges do not fit, before anything is simulated; or if no start
        gives finite traces, or no start depends on a parameter.

    Examples
    --------
    >>> import brianbridge as bb
    >>> import numpy as np
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
    options = dict(locals())
    warn_of_seconds(dt, "dt")
    check_runtime_device("fit")
    circuit = is_circuit(model)
    measure = target.measure if isinstance(target, Features) else as_rates(target)
    kind = kind_of(target, loss, circuit=circuit, measured=measure is not None)
    defaults = {name: one.default for name, one in inspect.signature(fit).parameters.items()}
    check_options(kind, options, defaults)
    check_arguments(options, circuit=circuit)
    options |= {"starts": int(starts), "iterations": int(iterations), "seed": checked_seed(seed)}
    if not (circuit or isinstance(model, NeuronModel)):
        options["model"] = NeuronModel.from_group(model, level=1)
        check_single(model)
        count_as_used([model])
    if circuit or loss is not None:
        from brianbridge.fitting.gradient_fit import fit_by_gradient

        return fit_by_gradient(options, namespace=get_local_namespace(1))
    if kind == "traces":
        return fit_to_traces(options)
    if measure is None:
        return fit_to_spikes(options)
    of_neuron = measure(options["model"]) if isinstance(target, Features) else measure
    return fit_to_measures(options, of_neuron)
