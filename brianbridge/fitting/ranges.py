"""The ranges of learned parameters, and coordinates from 0 to 1 in which optimisers move.

A range whose bounds have one sign and differ by a factor of ten or more is divided by ratios, any
other one by differences. So each coordinate changes a model about as much as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.neurons.quantity_text import parse_quantity, unit_name

__all__ = ["Ranges", "checked_bounds", "checked_ranges"]

#: Bounds of one sign that differ by at least this factor are divided by ratios.
_BY_RATIO = 10.0


@dataclass(frozen=True)
class Ranges:
    """Hold the range of each learned parameter, in SI units.

    Parameters
    ----------
    names : tuple of str
        The parameters.
    low, high : numpy.ndarray, shape (parameters,)
        Their bounds.
    dims : tuple of brian2 Dimension
        Their units.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    dims: tuple[Any, ...]

    @property
    def by_ratio(self) -> np.ndarray:
        """Which ranges are divided by ratios."""
        small, large = np.sort(abs(np.stack([self.low, self.high])), axis=0)
        return (self.low * self.high > 0) & (large >= _BY_RATIO * small)

    def values(self, z: np.ndarray) -> np.ndarray:
        """Return the values at coordinates `z`, each of shape (..., parameters).

        Examples
        --------
        >>> two = Ranges(("g", "w"), np.array([1.0, -1]), np.array([100.0, 1]), (None, None))
        >>> two.values(np.array([0.5, 0.5]))
        array([10.,  0.])
        """
        ratio = np.where(self.by_ratio, self.high / np.where(self.by_ratio, self.low, 1), 1.0)
        return np.where(self.by_ratio, self.low * ratio**z, self.low + (self.high - self.low) * z)

    def coordinates(self, values: np.ndarray) -> np.ndarray:
        """Return the coordinates of values; the inverse of `values`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(values / self.low) / np.log(self.high / self.low)
        return np.where(self.by_ratio, ratio, (values - self.low) / (self.high - self.low))

    def slopes(self, values: np.ndarray) -> np.ndarray:
        """Return how fast values change with their coordinates."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = values * np.log(self.high / self.low)
        return np.where(self.by_ratio, ratio, self.high - self.low)

    def starts(self, number: int, seed: int) -> np.ndarray:
        """Return coordinates of a Sobol sequence, shape (number, parameters).

        Examples
        --------
        >>> from brian2.units.fundamentalunits import DIMENSIONLESS
        >>> one = Ranges(("w",), np.array([-1.0]), np.array([1.0]), (DIMENSIONLESS,))
        >>> one.starts(4, seed=1).shape
        (4, 1)
        """
        exponent = int(np.ceil(np.log2(number)))
        sobol = qmc.Sobol(len(self.names), seed=seed)
        return np.asarray(sobol.random_base2(exponent))[:number]

    def as_given(self) -> dict[str, tuple[Any, Any]]:
        """Return the lowest and the highest value of each parameter, with units."""
        low, high = self.quantities(self.low), self.quantities(self.high)
        return {name: (low[name], high[name]) for name in self.names}

    def quantities(self, values: np.ndarray) -> dict[str, Any]:
        """Return the values of one set, shape (parameters,), with their units and names."""
        from brian2 import Quantity

        return {
            name: Quantity(float(value), dim=dim)
            for name, value, dim in zip(self.names, values, self.dims, strict=True)
        }


def checked_ranges(model: NeuronModel, learn: Mapping[str, Any]) -> Ranges:
    """Return the ranges of learned parameters, given as ``{"g": (1*nS, 40*nS)}``.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    learn : mapping of str to tuple of Quantity
        The lowest and the highest value of each parameter.

    Raises
    ------
    InputError
        If the model has no such parameter, it is no single number, or its range is none.
    """
    if not isinstance(learn, Mapping) or not learn:
        raise InputError(
            f"learn = {learn!r:.80} names no range; give one for each parameter, as in "
            "{'tau': (5*ms, 50*ms)}"
        )
    low, high, dims = [], [], []
    for name, bounds in learn.items():
        if name not in model.parameters:
            hint = did_you_mean(name, model.parameters)
            raise InputError(f"learn: {model.label} has no parameter '{name}'. {hint}")
        present = model.parameters[name]
        if np.ndim(present) or np.asarray(present).dtype.kind == "b":
            raise InputError(
                f"learn: '{name}' of {model.label} is not a single number; give it one value, or "
                "leave it out"
            )
        first, last, dim = checked_bounds(name, bounds, present)
        low.append(first)
        high.append(last)
        dims.append(dim)
    return Ranges(tuple(learn), np.array(low), np.array(high), tuple(dims))


def checked_bounds(name: str, bounds: Any, present: Any) -> tuple[float, float, Any]:
    """Return the bounds of a parameter in SI units, and its dimension, which `present` has.

    Raises
    ------
    InputError
        If they are no range, or have another unit.
    """
    from brian2.units.fundamentalunits import get_dimensions

    try:
        given = () if isinstance(bounds, str | Mapping) else tuple(bounds)
    except TypeError:
        given = ()
    if len(given) != 2 or any(np.ndim(one) for one in given):
        raise InputError(
            f"learn: the range of '{name}' is {one_line(repr(bounds)):.80}; give its lowest and "
            "its highest value, as in (5*ms, 50*ms)"
        )
    pair = [parse_quantity(one, f"learn, '{name}'") for one in given]
    dim = get_dimensions(present)
    for one in pair:
        if get_dimensions(one) is not dim:
            raise InputError(
                f"learn: '{name}' has the unit {unit_name(dim)}, but its range has "
                f"{unit_name(get_dimensions(one))}; give both bounds in {unit_name(dim)}"
            )
    low, high = (float(si_array(one)) for one in pair)
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(
            f"learn: the range of '{name}' goes from {pair[0]} to {pair[1]}; give a lowest value "
            "below the highest one"
        )
    return low, high, dim
