"""The range of a learned parameter."""

from __future__ import annotations

import numpy as np
from brian2 import Quantity
from brian2.units.fundamentalunits import get_dimensions

from brianbridge.errors import InputError
from brianbridge.neurons.quantities import parse_quantity, si_array, unit_name
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.twin.learn import Learn
from brianbridge.twin.owners import Owner

__all__ = ["range_of"]


def range_of(
    owner: Owner, one: Learn, start: np.ndarray, what: str
) -> tuple[float | None, float | None]:
    """Return the lower and the upper limit of a learned parameter, in SI units.

    Without a range, it keeps the sign that all its values have, unless it may have any value.

    Raises
    ------
    InputError
        If a limit has another unit, or an initial value is not between the limits.
    """
    low, high = (_limit(owner, one, side, what) for side in ("low", "high"))
    if low is None and high is None:
        if owner.keeps_sign(one.name):
            low, high = 0.0 if np.all(start > 0) else None, 0.0 if np.all(start < 0) else None
        return low, high
    if low is not None and high is not None and low >= high:
        raise InputError(f"{what}: low = {one.low} is not below high = {one.high}; swap them")
    lowest, highest = -np.inf if low is None else low, np.inf if high is None else high
    outside = start[~((lowest < start) & (start < highest))]
    if outside.size:
        value = Quantity(outside[0], dim=owner.dimensions(one.name))
        raise InputError(
            f"{what}: its initial value {quantity_text(value)} is not between low = {one.low} and "
            f"high = {one.high}; widen the range, or change the model"
        )
    return low, high


def _limit(owner: Owner, one: Learn, side: str, what: str) -> float | None:
    """Return a limit in SI units; None if there is none."""
    given = getattr(one, side)
    if given is None:
        return None
    value = parse_quantity(given, f"{what}, {side}")
    dim = owner.dimensions(one.name)
    # 0 needs no unit.
    if np.ndim(value) or (np.any(si_array(value)) and get_dimensions(value) is not dim):
        raise InputError(
            f"{what}: {side} = {quantity_text(value)} is not one value in {unit_name(dim)}; give "
            "one with that unit"
        )
    return float(value)
