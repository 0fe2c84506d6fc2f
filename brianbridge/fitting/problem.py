"""What a fit is given: a neuron, its input and what was recorded, checked and in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.driven import driven, started_at
from brianbridge.fitting.ranges import Ranges, checked_ranges
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import seconds, si_array
from brianbridge.neurons.quantity_text import unit_name

__all__ = [
    "Problem", "checked_input", "checked_targets", "drive_of", "is_circuit", "kept_values",
    "sweeps_first", "target_weights", "whole_steps",
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
    def steps(self) -> int:
        """The number of steps of a sweep."""
        return next(iter(self.targets.values())).shape[1] * self.every

    def recorded(self) -> dict[str, Any]:
        """Return what was recorded, with units."""
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

        step = seconds(dt, "dt")
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
            f"that divides it, such as {period / max(1, np.ceil(period / dt)) * 1e3:g} ms"
        )
    return number


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
        array = si_array(values)
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


def kept_values(
    targets: Mapping[str, np.ndarray], mask_nan: bool, t_start: float, times: float
) -> dict[str, np.ndarray]:
    """Return which values count: from `t_start` on, and finite where missing ones are allowed."""
    kept = {}
    for name, values in targets.items():
        kept[name] = np.isfinite(values)
        missing = int((~kept[name]).sum())
        if np.isinf(values).any() or (missing and not mask_nan):
            raise InputError(
                f"target '{name}' has {missing} values that are not finite; set mask_nan=True to "
                "leave NaN out, or interpolate them"
            )
        if not kept[name].any(1).all():
            raise InputError(f"target '{name}' has a sweep of nothing but NaN; leave it out")
        if t_start > (values.shape[1] - 1) * times:
            raise InputError(
                f"t_start = {t_start * 1e3:g} ms leaves nothing of sweeps of "
                f"{values.shape[1] * times * 1e3:g} ms; make it shorter"
            )
        kept[name][:, : int(np.ceil(t_start / times - 1e-6))] = False
    return kept


def _filled(values: np.ndarray) -> np.ndarray:
    """Return values with missing ones interpolated, as the recording that a neuron follows."""
    filled, times = values.copy(), np.arange(values.shape[1])
    for sweep in filled:
        known = np.isfinite(sweep)
        sweep[~known] = np.interp(times[~known], times[known], sweep[known])
    return filled


def target_weights(name: str, values: np.ndarray, kept: np.ndarray, given: Any) -> np.ndarray:
    """Return the weight of each squared difference of a target, as a share of its variance."""
    try:
        weights = np.broadcast_to(1.0 if given is None else si_array(given), values.shape) * kept
    except ValueError:
        raise InputError(
            f"weights have the shape {np.shape(given)}, but target '{name}' has {values.shape}; "
            "give one weight for each value, or (sweeps, 1)"
        ) from None
    if (weights < 0).any() or not weights.any():
        raise InputError("weights are below 0 or all 0; give weights above 0")
    mean = np.average(values, weights=weights)
    spread = np.sum(weights * (values - mean) ** 2)
    if spread <= 1e-20 * np.sum(weights * values**2):
        raise InputError(
            f"target '{name}' never changes; give a recording in which it responds to the input"
        )
    return np.asarray(weights / spread)


def is_circuit(model: Any) -> bool:
    """Return whether a model is a network, and not a neuron."""
    from brian2 import Network

    return isinstance(model, SpikingNetwork | Network | list | tuple | set)
