"""A parameter of a network, and how far it is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.units.fundamentalunits import DIMENSIONLESS

from brianbridge.network import SpikingNetwork
from brianbridge.neurons.quantities import si_array

__all__ = ["LeftOut", "Parameter", "whole_of", "with_unit"]

#: Why parameters are left out, by owner and name.
LeftOut = dict[str, str]


@dataclass(frozen=True)
class Parameter:
    """Describe a parameter of a population or projection, and how far it is changed.

    Parameters
    ----------
    owner, name : str
        Where it is: a population or a projection.
    value : Quantity, float or array
        Its value.
    whole : numpy.ndarray
        A hundred per cent of it in SI units: the value, or its natural unit if it is 0.
    is_zero : bool
        Whether it is 0, for all neurons or synapses.
    up, down : float
        The changes in Brian2, as shares of `whole`: one above 0, one below or 0.
    apply : callable
        Returns a network with a share of `whole` added to the parameter.
    no_gradient : str
        Why the twin has no gradient of it; empty if it has.
    is_delay : bool
        Whether it is the delay of a projection.
    """

    owner: str
    name: str
    value: Any
    whole: np.ndarray
    is_zero: bool
    up: float
    down: float
    apply: Callable[[SpikingNetwork, float], SpikingNetwork]
    no_gradient: str = ""
    is_delay: bool = False


def whole_of(value: Any, unit: Callable[[], float | None]) -> np.ndarray | None:
    """Return a hundred per cent of a value: the natural unit if it is 0; None if it has none."""
    whole = si_array(value)
    if whole.any():
        return whole
    known = unit()
    return None if known is None else np.asarray(known)


def with_unit(values: np.ndarray, dimensions: Any) -> Any:
    """Return values in SI units with their unit; a single number without one is a float."""
    if dimensions is not DIMENSIONLESS:
        return Quantity.with_dimensions(values, dimensions)
    return values if values.ndim else float(values)
