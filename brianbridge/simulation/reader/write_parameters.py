"""Write learned neuron parameters into the groups that a network was read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Population, SpikingNetwork
from brianbridge.network.learned_parameters import LEARNED
from brianbridge.neurons.quantities import si_array, unit_name

__all__ = ["NewParameter", "new_parameters"]


@dataclass(frozen=True)
class NewParameter:
    """Hold a new value, which `set` gives to a group.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group.
    name : str
        A variable of the group, or a constant of its namespace.
    value : Quantity, float or array
        The value.
    """

    group: Any
    name: str
    value: Any

    def set(self) -> None:
        """Set the variable, or the constant in the group's own namespace."""
        if self.name in self.group.variables:
            variable = self.group.variables[self.name]
            variable.set_value(np.resize(si_array(self.value), variable.size))
        else:
            # Groups may have been given the same namespace.
            self.group.namespace = {**self.group.namespace, self.name: self.value}


def new_parameters(network: SpikingNetwork, groups: Mapping[str, Any]) -> list[NewParameter]:
    """Return the learned parameters of a network, and check that its groups can hold them.

    Parameters
    ----------
    network : SpikingNetwork
        A network that was read by `brianbridge.from_brian2`, with trained parameters.
    groups : mapping of str to brian2.NeuronGroup
        The groups to write into, by name.

    Raises
    ------
    InputError
        If a group is missing, has another number of neurons, or one constant for all of them where
        each has learned its own.
    """
    learned = network.provenance.get(LEARNED, {})
    return [
        parameter
        for population in network.populations
        for parameter in _of_population(population, learned.get(population.name, ()), groups)
    ]


def _of_population(
    population: Population, names: Any, groups: Mapping[str, Any]
) -> Iterator[NewParameter]:
    for name in names:
        if population.name not in groups:
            raise InputError(
                f"the network has no group '{population.name}', whose '{name}' was learned. "
                + did_you_mean(population.name, groups)
            )
        group, model = groups[population.name], population.neuron
        if len(group) != population.size:
            raise InputError(
                f"group '{group.name}' has {len(group)} neurons, but had {population.size} when "
                "the network was read; read it again"
            )
        value = model.parameters[name] if name in model.parameters else model.initial[name]
        yield _checked(NewParameter(group, name, value))


def _checked(one: NewParameter) -> NewParameter:
    """Refuse a value for each neuron where the group has one for all, and linked variables."""
    group, name = one.group, one.name
    what = f"group '{group.name}': '{name}'"
    if name in getattr(group, "_linked_variables", ()):
        raise InputError(f"{what} is linked to another group, which keeps its value; unlink it")
    shared = name not in group.variables or group.variables[name].scalar
    if np.ndim(one.value) and shared:
        unit = unit_name(getattr(one.value, "dim", None))
        raise InputError(
            f"{what} is one constant for all neurons, but each has learned its own; declare "
            f"'{name} : {unit} (constant)' in the equations, set it, and read the network again"
        )
    return one
