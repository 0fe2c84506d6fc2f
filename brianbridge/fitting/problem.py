"""What a fit is given: a neuron, its input and what was recorded, checked and in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.driven import driven, started_at
from brianbridge.fitting.ranges import Ranges, checked_ranges
from brianbridge.fitting.weights import kept_values, real_array, target_weights
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import checked_step, seconds, si_array
from brianbridge.neurons.quantity_text import unit_name

__all__ = [
    "Problem", "check_fires", "checked_input", "checked_targets", "drive_of", "is_circuit",
    "sweeps_first", "whole_steps",
]  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Hold a neuron, its input and the recordings that it is fitted to.

    Parameters
    ----------
    model : NeuronModel
        The neuron, as it was given.
    population : NeuronModel
        One such neuron for each sweep, driven by the input of the sweep.
    ranges : Ranges
        The parameters to learn.
    dt : float
        Length of a step, in seconds.
    every : int
        Steps between recorded values.
    targets : dict of str to numpy.ndarray, shape (sweeps, times)
        What was recorded of each variable, in SI units. Missing values are interpolated.
    dims : dict of str to brian2 Dimension
        The units of the variables.
    weights : dict of str to numpy.ndarray, shape (sweeps, times)
        Weights of squared differences. The loss of a constant at the mean is 1.
    """

    model: NeuronModel
    population: NeuronModel
    ranges: Ranges
    dt: float
    every: int
    targets: dict[str, np.ndarray]
    dims: dict[str, Any]
    weights: dict[str, np.ndarray]

    @property
    def sweeps(self) -> int:
        """The number of sweeps."""
        return len(next(iter(self.targets.values())))

    @property
    def has_input(self) -> bool:
        """Whether anything over time drives the neuron."""
        return bool(self.population.timed_arrays)

    @property
    def steps(self) -> int:
        """The number of steps of a sweep."""
        return next(iter(self.targets.values())).shape[1] * self.every

    def recorded(self) -> dict[str, Any]:
        """Return the recorded values, with units."""
        from brian2 import Quantity

        return {name: Quantity(v, dim=self.dims[name]) for name, v in self.targets.items()}

    def residuals(self, traces: list[np.ndarray]) -> np.ndarray:
        """Return weighted differences from the recordings, shape (sets, values).

        Parameters
        ----------
        traces : list of numpy.ndarray, shape (sets, sweeps, times)
            The trace of each target, in their order. The sum of the squares of what is returned is
            the loss.
        """
        parts = [
            ((trace - self.targets[name]) * np.sqrt(self.weights[name])).reshape(len(trace), -1)
            for name, trace in zip(self.targets, traces, strict=True)
        ]
        return np.concatenate(parts, axis=1)

    @classmethod
    def checked(
        cls,
        model: NeuronModel,
        *,
        input: Any,
        target: Mapping[str, Any],
        dt: Any,
        learn: Mapping[str, Any],
        drive: str,
        input_dt: Any,
        target_dt: Any,
        t_start: Any,
        weights: Any,
        mask_nan: bool,
    ) -> Problem:
        """Return a problem as `brianbridge.fit` is given it; see there.

        Raises
        ------
        InputError
            If anything does not fit together.
        """
        from brian2 import Quantity

        step = checked_step(dt, "dt")
        ranges = checked_ranges(model, learn)
        times = step if target_dt is None else seconds(target_dt, "target_dt")
        every = whole_steps(times, step, "target_dt")
        targets, dims = checked_targets(model, target)
        kept = kept_values(targets, mask_nan, seconds(t_start, "t_start", zero=True), times)
        filled = {name: _filled(values) for name, values in targets.items()}
        first = {k: Quantity(v[:, 0], dim=dims[k]) for k, v in filled.items()}
        population = model
        if input is not None:
            values, each = checked_input(input, step, input_dt)
            _check_same(values, each, next(iter(targets.values())).shape, times)
            population = driven(model, drive or drive_of(model), values, each)
        share = {
            name: target_weights(name, values, kept[name], weights) / len(filled)
            for name, values in filled.items()
        }
        population = started_at(population, first)
        return cls(model, population, ranges, step, every, filled, dims, share)


def whole_steps(period: float, dt: float, what: str) -> int:
    """Return how many steps are in a period.

    Raises
    ------
    InputError
        If it is no whole number.

    Examples
    --------
    >>> whole_steps(1e-3, 1e-4, "target_dt")
    10
    """
    number = round(period / dt)
    if number < 1 or abs(number * dt - period) > 1e-6 * dt:
        raise InputError(
            f"{what} = {period * 1e3:g} ms is no multiple of dt = {dt * 1e3:g} ms; choose a dt "
            f"that divides it, such as {_divisor(period, dt, what)}"
        )
    return number


def _divisor(period: float, dt: float, what: str) -> str:
    """Return a step up to `dt` that divides a period, as a user can write it."""
    parts = max(1, int(np.ceil(period / dt)))
    for number in range(parts, parts + 10):
        text = f"{period / number * 1e3:g}"
        if abs(float(text) * number - period * 1e3) < 1e-9 * period * 1e3:
            return f"{text} ms"
    return f"{what}/{parts}"


def drive_of(model: NeuronModel) -> str:
    """Return the parameter that the input sets, if the model says which."""
    if not model.drive:
        raise InputError(
            f"{model.label} does not say which variable the input sets; name it, as in drive='I'"
        )
    return model.drive


def sweeps_first(values: Any, what: str) -> Any:
    """Return recorded values of shape (sweeps, times), with their unit."""
    from brian2 import Quantity
    from brian2.units.fundamentalunits import get_dimensions

    try:
        array = real_array(values)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what} is no array of numbers ({error!s:.80}); give sweeps of one length, (sweeps, "
            "times)"
        ) from None
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise InputError(f"{what} has the shape {array.shape}; give (sweeps, times)")
    return Quantity(np.atleast_2d(array), dim=get_dimensions(values))


def checked_input(input: Any, dt: float, input_dt: Any) -> tuple[Any, float]:
    """Return the input, (sweeps, times), and the seconds between its values.

    Raises
    ------
    InputError
        If it has another shape, it is not finite, or its values last for no whole number of steps.
    """
    from brian2 import TimedArray

    if isinstance(input, TimedArray):
        raise InputError(
            "the input is a TimedArray; name it in the equations, as in 'I = stimulus(t) : amp', "
            "and leave input out"
        )
    each = dt if input_dt is None else seconds(input_dt, "input_dt")
    whole_steps(each, dt, "input_dt")
    values = sweeps_first(input, "input")
    if not np.isfinite(si_array(values)).all():
        raise InputError("the input has values that are not finite; replace them, such as by 0")
    return values, each


def checked_targets(
    model: NeuronModel, target: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the recordings in SI units, and their units."""
    from brian2 import Equations
    from brian2.units.fundamentalunits import get_dimensions

    if not isinstance(target, Mapping) or not target:
        raise InputError("target names no variable; give its recording, as in {'v': traces}")
    equations = Equations(model.equations)
    found, dims = {}, {}
    for name, values in target.items():
        if name not in model.settable_variables:
            hint = did_you_mean(name, model.settable_variables)
            raise InputError(f"target: {model.label} has no state variable '{name}'. {hint}")
        array = sweeps_first(values, f"target '{name}'")
        unit, given = unit_name(equations[name].dim), unit_name(get_dimensions(values))
        if unit != given:
            raise InputError(
                f"target '{name}' has the unit {given}, but {model.label} has {unit}; multiply "
                f"the recording by {unit}"
            )
        found[name], dims[name] = si_array(array), equations[name].dim
    shapes = {name: values.shape for name, values in found.items()}
    if len(set(shapes.values())) > 1:
        text = ", ".join(f"'{name}' has {shape}" for name, shape in shapes.items())
        raise InputError(f"targets differ in their shapes: {text}; give them all the same")
    return found, dims


def _check_same(values: Any, each: float, shape: tuple[int, ...], times: float) -> None:
    """Check that input and targets have as many sweeps, and last as long."""
    if len(values) != shape[0]:
        raise InputError(
            f"there are {len(values)} sweeps of input and {shape[0]} of targets; give one target "
            "for each input"
        )
    length, other = values.shape[1] * each, shape[1] * times
    if abs(length - other) > 1e-6 * each:
        raise InputError(
            f"the input lasts {length * 1e3:g} ms and the targets {other * 1e3:g} ms; cut the "
            "longer one, or check input_dt and target_dt"
        )


def _filled(values: np.ndarray) -> np.ndarray:
    """Return values with missing ones interpolated, as the recording that a neuron follows."""
    filled, times = values.copy(), np.arange(values.shape[1])
    for sweep in filled:
        known = np.isfinite(sweep)
        sweep[~known] = np.interp(times[~known], times[known], sweep[known])
    return filled


def check_fires(model: NeuronModel) -> None:
    """Refuse a neuron that never fires, for a fit to spikes or rates.

    Raises
    ------
    InputError
        If it has no threshold.
    """
    if not model.emit:
        raise InputError(
            f"{model.label} has no threshold, so that it never fires; give it one, such as "
            "threshold='v > -20*mV' and the same as refractory"
        )


def is_circuit(model: Any) -> bool:
    """Return whether a model is a network, and not a neuron."""
    from brian2 import Network

    return isinstance(model, SpikingNetwork | Network | list | tuple | set)
