"""What counts of a recording, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.quantities import si_array

__all__ = ["kept_values", "real_array", "target_weights"]


def real_array(values: Any) -> np.ndarray:
    """Return an array in SI units, of which no imaginary part is lost.

    Raises
    ------
    TypeError, ValueError
        If the values are complex, or no array of numbers.
    """
    if np.iscomplexobj(values):
        raise TypeError("they are complex")
    return si_array(values)


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


def target_weights(name: str, values: np.ndarray, kept: np.ndarray, given: Any) -> np.ndarray:
    """Return the weight of each squared difference of a target, as a share of its variance."""
    weights = _checked_weights(name, values.shape, given) * kept
    if not weights.any():
        raise InputError(f"weights leave nothing of target '{name}'; give weights above 0")
    mean = np.average(values, weights=weights)
    spread = np.sum(weights * (values - mean) ** 2)
    if spread <= 1e-20 * np.sum(weights * values**2):
        raise InputError(
            f"target '{name}' never changes; give a recording in which it responds to the input"
        )
    return np.asarray(weights / spread)


def _checked_weights(name: str, shape: tuple[int, ...], given: Any) -> np.ndarray:
    """Return weights as they are given, one for each value of a target."""
    from brian2.units.fundamentalunits import have_same_dimensions

    try:
        weights = real_array(1.0 if given is None else given)
        plain = given is None or have_same_dimensions(given, 1)
    except (TypeError, ValueError):
        plain = False
    if not plain:
        raise InputError(
            f"weights = {one_line(repr(given)):.80} are no plain numbers; give one for each value "
            f"of target '{name}', or (sweeps, 1)"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InputError("weights are below 0 or not finite; give finite ones of 0 or more")
    try:
        return np.broadcast_to(weights, shape)
    except ValueError:
        raise InputError(
            f"weights have the shape {weights.shape}, but target '{name}' has {shape}; give one "
            "weight for each value, or (sweeps, 1)"
        ) from None
