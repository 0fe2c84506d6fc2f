"""The parameters of the neurons of a network: which can change, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from brian2 import second
from brian2.units.fundamentalunits import get_dimensions

from brianbridge.errors import InputError
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.neurons.expressions import names_in
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.sensitivities.parameter import LeftOut, Parameter, whole_of, with_unit
from brianbridge.twin.learned import checked_learned
from brianbridge.twin.owners import owner_of
from brianbridge.twin.synapses.learned import check_not_copied

__all__ = ["parameters_of_neurons"]

#: The name of a refractory period that is no parameter of the model, but a time.
_REFRACTORY = "refractory"


def parameters_of_neurons(network: SpikingNetwork, step: float) -> tuple[list[Parameter], LeftOut]:
    """Return the parameters of all neurons, and why others are left out, by name.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    step : float
        The change in Brian2, as a share; see `brianbridge.sensitivities.parameters`.
    """
    found: list[Parameter] = []
    left_out: LeftOut = {}
    for population in network.populations:
        for name, value in _values_of(population.neuron):
            place = f"{population.name}.{name}"
            if np.asarray(value).dtype.kind == "b":
                left_out[place] = "a condition, which has no per cent"
                continue
            known = name in population.neuron.parameters
            unit = partial(owner_of(network, population.name).unit, name)
            whole = whole_of(value, unit if known else lambda: None)
            if whole is None:
                left_out[place] = "it is 0, and nothing says how large it may be"
            else:
                found.append(_parameter(network, population, name, value, whole, step))
    return found, left_out


def _values_of(model: NeuronModel) -> Iterator[tuple[str, Any]]:
    yield from ((name, v) for name, v in model.parameters.items() if name != model.drive)
    if model.refractory is not None and not isinstance(model.refractory, str):
        yield _REFRACTORY, model.refractory


def _parameter(
    network: SpikingNetwork,
    population: Population,
    name: str,
    value: Any,
    whole: np.ndarray,
    step: float,
) -> Parameter:
    model, dt = population.neuron, network.dt
    why = _no_gradient(model, name)
    if why:
        least = float(np.abs(whole[whole != 0]).min())
        if name not in model.parameters or name in _names_in_period(model):
            if get_dimensions(value) is second.dim:
                step = max(1, round(step * least / dt)) * dt / least
        else:  # a whole number, which bounds the value of a spike
            step = max(step, 1 / least)
    return Parameter(
        population.name, name, value, whole, not si_array(value).any(), step, -step,
        partial(_changed, population.name, name, value, whole),
        why or _read_by_synapses(network, population.name, name),
    )  # fmt: skip


def _names_in_period(model: NeuronModel) -> set[str]:
    return set(names_in(model.refractory)) if isinstance(model.refractory, str) else set()


def _no_gradient(model: NeuronModel, name: str) -> str:
    """Return why the neurons have no gradient of a parameter; empty if there is one."""
    if name not in model.parameters:
        return "it sets the refractory period, a number of steps without a gradient"
    try:
        checked_learned(model, [name])
    except InputError as error:
        return str(error).rpartition("; ")[0]  # without the remedy, which is to leave it out
    return ""


def _read_by_synapses(network: SpikingNetwork, population: str, name: str) -> str:
    """Return which synapses read a parameter of neurons; empty if none do."""
    states: dict[str, tuple[str, ...]] = {p.name: () for p in network.populations}
    try:
        check_not_copied(network, {population: [name]}, states)
    except InputError:
        return "synapses with a model read it, of which the twin has no gradient"
    return ""


def _changed(
    owner: str, name: str, value: Any, whole: np.ndarray, network: SpikingNetwork, share: float
) -> SpikingNetwork:
    """Return the network with `share` of a parameter added to it, for all neurons.

    Raises
    ------
    InputError
        If the neuron model does not allow the value.
    """
    quantity = with_unit(si_array(value) + share * whole, get_dimensions(value))

    def new(population: Population) -> Population:
        neuron = population.neuron
        if name in neuron.parameters:
            return replace(population, neuron=neuron.with_parameters(**{name: quantity}))
        initial = neuron.initial_as_given
        return replace(population, neuron=replace(neuron, refractory=quantity, initial=initial))

    return replace(
        network,
        populations=tuple(new(p) if p.name == owner else p for p in network.populations),
        projections=tuple(
            _with_copies(network, p, owner, name, share * whole) for p in network.projections
        ),
    )


def _with_copies(
    network: SpikingNetwork, projection: Projection, owner: str, name: str, added: np.ndarray
) -> Projection:
    """Return a projection whose synapses copy the new values of a parameter that they read."""
    model = projection.model
    if model is None:
        return projection
    ends = projection.connection.pairs(
        projection.weight.shape,
        network.shape_of(projection.source),
        network.shape_of(projection.target),
    )
    each = np.resize(added, network.population(owner).size)
    initial = dict(model.initial)
    for side, end, neurons in (
        ("source", projection.source, ends.source),
        ("target", projection.target, ends.target),
    ):
        own = f"{name}_of_{side}"
        if end == owner and own in initial:
            initial[own] = initial[own] + each[neurons]
    return replace(projection, model=replace(model, initial=initial))
