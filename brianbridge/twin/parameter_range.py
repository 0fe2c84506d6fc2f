"""The range and the natural unit of a learned parameter."""

from __future__ import annotations

import ast

import numpy as np
from brian2 import Equations, Quantity
from brian2.units.fundamentalunits import get_dimensions

from brianbridge.errors import InputError
from brianbridge.neurons.equations import split_equations
from brianbridge.neurons.expressions import names_in, one_line
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import parse_quantity, si_array, unit_name
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.twin.learn import Learn
from brianbridge.twin.learned import dimensions_of

__all__ = ["range_of", "unit_of"]


def range_of(
    model: NeuronModel, one: Learn, start: np.ndarray, what: str
) -> tuple[float | None, float | None]:
    """Return the lower and the upper limit of a learned parameter, in SI units.

    Without a range, it keeps the sign that all its values have. A potential may take any value,
    unless the equations divide by it.

    Raises
    ------
    InputError
        If a limit has another unit, or an initial value is not between the limits.
    """
    low, high = (_limit(model, one, side, what) for side in ("low", "high"))
    if low is None and high is None:
        if one.name in model.parameters and not _may_change_sign(model, one.name):
            low, high = 0.0 if np.all(start > 0) else None, 0.0 if np.all(start < 0) else None
        return low, high
    if low is not None and high is not None and low >= high:
        raise InputError(f"{what}: low = {one.low} is not below high = {one.high}; swap them")
    lowest, highest = -np.inf if low is None else low, np.inf if high is None else high
    outside = start[~((lowest < start) & (start < highest))]
    if outside.size:
        value = Quantity(outside[0], dim=dimensions_of(model, one.name))
        raise InputError(
            f"{what}: its initial value {quantity_text(value)} is not between low = {one.low} and "
            f"high = {one.high}; widen the range, or change the neuron model"
        )
    return low, high


def unit_of(model: NeuronModel, name: str, what: str) -> float:
    """Return one natural unit of a parameter that may take any value, in SI units.

    It is that of a variable with the same dimensions; see `brianbridge.neurons.scale`.

    Raises
    ------
    InputError
        If no variable has these dimensions.
    """
    if name not in model.parameters:
        return model.scale.of(name)
    dim = dimensions_of(model, name)
    if dim.is_dimensionless:
        return 1.0
    equations = Equations(model.equations)
    for variable in (model.potential, *model.scale.responses):
        if variable in equations and equations[variable].dim is dim:
            return model.scale.of(variable)
    raise InputError(
        f"{what} may be 0, so that its size is unknown; give it a range, bb.Learn('{name}', "
        "low=..., high=...)"
    )


def _limit(model: NeuronModel, one: Learn, side: str, what: str) -> float | None:
    """Return a limit in SI units; None if there is none."""
    given = getattr(one, side)
    if given is None:
        return None
    value = parse_quantity(given, f"{what}, {side}")
    dim = dimensions_of(model, one.name)
    # 0 needs no unit.
    if np.ndim(value) or (np.any(si_array(value)) and get_dimensions(value) is not dim):
        raise InputError(
            f"{what}: {side} = {quantity_text(value)} is not one value in {unit_name(dim)}; give "
            "one with that unit"
        )
    return float(value)


def _may_change_sign(model: NeuronModel, name: str) -> bool:
    """Return whether a parameter is a potential in volts, and nothing is divided by it."""
    scale = model.scale
    if not scale.dimensions or tuple(dimensions_of(model, name)._dims) != scale.dimensions:
        return False
    texts = [*split_equations(model.equations, model.label).values(), model.emit]
    divisors = (
        node.right
        for text in texts
        for node in ast.walk(ast.parse(one_line(text) or "0", mode="eval"))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    )
    return all(name not in names_in(ast.unparse(divisor)) for divisor in divisors)
