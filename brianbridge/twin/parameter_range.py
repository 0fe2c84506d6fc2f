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

    A limit that is not given is 0 where the parameter keeps the sign that all its values have.

    Raises
    ------
    InputError
        If a limit has another unit, an initial value is not between the limits, or 0 is between
        them and the equations divide by the parameter.
    """
    low, high = (_limit(owner, one, side, what) for side in ("low", "high"))
    if low is not None and high is not None and low >= high:
        raise InputError(
            f"{what}: low = {one.low} is not below high = {one.high}; give other limits"
        )
    lowest, highest = -np.inf if low is None else low, np.inf if high is None else high
    outside = start[~((lowest < start) & (start < highest))]
    if outside.size:
        value = quantity_text(Quantity(outside[0], dim=owner.dimensions(one.name)))
        limits = {"above": one.low, "below": one.high}
        where = " and ".join(f"{k} {limit}" for k, limit in limits.items() if limit is not None)
        raise InputError(
            f"{what}: its initial value {value} is not {where}; widen the range, or change the "
            "model"
        )
    if owner.keeps_sign(one.name):
        low = 0.0 if low is None and np.all(start > 0) else low
        high = 0.0 if high is None and np.all(start < 0) else high
    if low is not None and high is not None and low < 0 < high and owner.divides(one.name):
        raise InputError(
            f"{what}: 0 is between low = {one.low} and high = {one.high}, but the equations divide "
            "by it; give limits of the same sign"
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
