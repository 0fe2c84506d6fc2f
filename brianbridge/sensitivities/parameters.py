"""The parameters of the neurons of a network: which can change, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2 import Quantity, second
from brian2.units.fundamentalunits import DIMENSIONLESS, get_dimensions

from brianbridge.errors import InputError
from brianbridge.network import Population, SpikingNetwork
from brianbridge.neurons.expressions import names_in
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.twin.learned import checked_learned
from brianbridge.twin.owners import owner_of

__all__ = ["Parameter", "changed", "parameters_of"]

#: The name of a refractory period that is no parameter of the model, but a time.
_REFRACTORY = "refractory"


@dataclass(frozen=True)
class Parameter:
    """Describe a parameter of a population, and how far it is changed.

    Parameters
    ----------
    population, name : str
        Where it is.
    value : Quantity, float or array
        Its value.
    whole : numpy.ndarray
        A hundred per cent of it in SI units: the value, or its natural unit if it is 0.
    is_zero : bool
        Whether it is 0, for all neurons.
    step : float
        The change to both sides in Brian2, as a share of `whole`.
    no_gradient : str
        Why the twin has no gradient of it; empty if it has.
    """

    population: str
    name: str
    value: Any
    whole: np.ndarray
    is_zero: bool
    step: float
    no_gradient: str = ""


def parameters_of(network: SpikingNetwork, step: float) -> tuple[list[Parameter], dict[str, str]]:
    """Return the parameters of all populations, and why others are left out, by name.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    step : float
        The change in Brian2, as a share. It is larger where a number of steps or a whole number
        would not change: refractory periods change by at least one time step.
    """
    found: list[Parameter] = []
    left_out: dict[str, str] = {}
    for population in network.populations:
        for name, value in _values_of(population.neuron):
            place = f"{population.name}.{name}"
            if np.asarray(value).dtype.kind == "b":
                left_out[place] = "a condition, which has no per cent"
                continue
            whole = _whole(network, population, name, value)
            if whole is None:
                left_out[place] = "it is 0, and nothing says how large it may be"
            else:
                found.append(_parameter(population, name, value, whole, step, network.dt))
    return found, left_out


def changed(network: SpikingNetwork, parameter: Parameter, share: float) -> SpikingNetwork:
    """Return the network with `share` of a parameter added to it, for all neurons.

    Raises
    ------
    InputError
        If the neuron model does not allow the value.
    """
    values = si_array(parameter.value) + share * parameter.whole
    dimensions = get_dimensions(parameter.value)
    if dimensions is not DIMENSIONLESS:
        quantity: Any = Quantity.with_dimensions(values, dimensions)
    else:
        quantity = values if values.ndim else float(values)

    def new(population: Population) -> Population:
        neuron = population.neuron
        if parameter.name in neuron.parameters:
            return replace(population, neuron=neuron.with_parameters(**{parameter.name: quantity}))
        initial = neuron.initial_as_given
        return replace(population, neuron=replace(neuron, refractory=quantity, initial=initial))

    populations = tuple(
        new(p) if p.name == parameter.population else p for p in network.populations
    )
    return replace(network, populations=populations)


def _values_of(model: NeuronModel) -> Iterator[tuple[str, Any]]:
    yield from ((name, v) for name, v in model.parameters.items() if name != model.drive)
    if model.refractory is not None and not isinstance(model.refractory, str):
        yield _REFRACTORY, model.refractory


def _whole(
    network: SpikingNetwork, population: Population, name: str, value: Any
) -> np.ndarray | None:
    """Return a hundred per cent of a value; None if it is 0 and has no natural unit."""
    whole = si_array(value)
    if whole.any():
        return whole
    known = name in population.neuron.parameters
    unit = owner_of(network, population.name).unit(name) if known else None
    return None if unit is None else np.asarray(unit)


def _parameter(
    population: Population, name: str, value: Any, whole: np.ndarray, step: float, dt: float
) -> Parameter:
    model, is_zero = population.neuron, not si_array(value).any()
    why = _no_gradient(model, name)
    if why:
        least = float(np.abs(whole[whole != 0]).min())
        if name not in model.parameters or name in _names_in_period(model):
            if get_dimensions(value) is second.dim:
                step = max(1, round(step * least / dt)) * dt / least
        else:  # a whole number, which bounds the value of a spike
            step = max(step, 1 / least)
    return Parameter(population.name, name, value, whole, is_zero, step, why)


def _names_in_period(model: NeuronModel) -> set[str]:
    return set(names_in(model.refractory)) if isinstance(model.refractory, str) else set()


def _no_gradient(model: NeuronModel, name: str) -> str:
    """Return why there is no gradient of a parameter; empty if there is one."""
    if name not in model.parameters:
        return "it sets the refractory period, a number of steps without a gradient"
    try:
        checked_learned(model, [name])
    except InputError as error:
        return str(error).rpartition("; ")[0]  # without the remedy, which is to leave it out
    return ""
