"""Write learned parameters into the groups and synapses that a network was read from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.network.learned_parameters import LEARNED
from brianbridge.neurons.quantities import si_array, unit_name

__all__ = ["NewParameter", "new_parameters"]


@dataclass(frozen=True)
class NewParameter:
    """Hold a new value, which `set` gives to a Brian2 object.

    Parameters
    ----------
    owner : brian2.NeuronGroup or brian2.Synapses
        The object.
    name : str
        One of its variables, or a constant of its namespace.
    value : Quantity, float or array
        The value.
    """

    owner: Any
    name: str
    value: Any

    def set(self) -> None:
        """Set the variable, or the constant in the object's own namespace."""
        if self.name in self.owner.variables:
            variable = self.owner.variables[self.name]
            variable.set_value(np.resize(si_array(self.value), np.shape(variable.get_value())))
        else:
            # Several objects may have been given the same namespace.
            self.owner.namespace = {**self.owner.namespace, self.name: self.value}


def new_parameters(
    network: SpikingNetwork, groups: Mapping[str, Any], synapses: Mapping[str, Any]
) -> list[NewParameter]:
    """Return the learned values of a network, and check that the Brian2 objects can hold them.

    Parameters
    ----------
    network : SpikingNetwork
        A network that was read by `brianbridge.from_brian2`, with trained parameters.
    groups : mapping of str to brian2.NeuronGroup
        The groups to write into, by population.
    synapses : mapping of str to brian2.Synapses
        The synapses to write into, by projection.

    Raises
    ------
    InputError
        If a group is missing or has another number of neurons, or an object has one constant where
        each neuron or synapse has learned its own.
    """
    learned = network.provenance.get(LEARNED, {})
    return [
        *(
            parameter
            for population in network.populations
            for parameter in _of_group(population, learned.get(population.name, ()), groups)
        ),
        *(
            _checked(NewParameter(synapses[projection.name], name, value), "synapses")
            for projection in network.modelled
            for name, value in _values(projection, learned.get(projection.name, ()))
        ),
    ]


def _of_group(
    population: Population, names: Collection[str], groups: Mapping[str, Any]
) -> Iterator[NewParameter]:
    model = population.neuron
    for name in names:
        if population.name not in groups:
            raise InputError(
                f"the network has no group '{population.name}', whose '{name}' was learned. "
                + did_you_mean(population.name, groups)
            )
        group = groups[population.name]
        if len(group) != population.size:
            raise InputError(
                f"group '{group.name}' has {len(group)} neurons, but had {population.size} when "
                "the network was read; read it again"
            )
        value = model.parameters[name] if name in model.parameters else model.initial[name]
        yield _checked(NewParameter(group, name, value), "neurons")


def _values(projection: Projection, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    model = projection.model
    assert model is not None
    for name in names:
        if name in model.constants:
            yield name, model.constants[name]
        else:
            values = model.initial[name]
            yield name, values[0] if len(values) == 1 else values


def _checked(one: NewParameter, of: str) -> NewParameter:
    """Refuse a value for each where the object has one for all, and linked variables."""
    owner, name = one.owner, one.name
    what = f"'{name}' of '{owner.name}'"
    if name in getattr(owner, "_linked_variables", ()):
        raise InputError(f"{what} is linked to another group, which keeps its value; unlink it")
    shared = name not in owner.variables or owner.variables[name].scalar
    if np.ndim(one.value) and shared:
        unit = unit_name(getattr(one.value, "dim", None))
        raise InputError(
            f"{what} is one constant for all {of}, but each has learned its own; declare "
            f"'{name} : {unit} (constant)' in the equations, set it, and read the network again"
        )
    return one
