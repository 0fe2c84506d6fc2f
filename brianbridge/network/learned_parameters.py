"""Give a network the neuron parameters that training found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brianbridge.network.network import SpikingNetwork

__all__ = ["LEARNED", "with_learned"]

#: Key of the provenance that names the learned parameters of each population.
LEARNED = "learned"


def with_learned(
    network: SpikingNetwork, values: Mapping[str, Mapping[str, Any]]
) -> SpikingNetwork:
    """Return the network with new neuron parameters and initial values, named in its provenance.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    values : mapping of str to mapping of str to Quantity
        The value of each parameter, or initial value of each variable, by population; one, or one
        for each neuron.
    """
    if not values:
        return network
    known: dict[str, list[str]] = {**network.provenance.get(LEARNED, {})}
    populations = []
    for population in network.populations:
        new = values.get(population.name, {})
        neuron = population.neuron
        parameters = {k: new.get(k, v) for k, v in neuron.parameters.items()}
        initial = {k: v for k, v in new.items() if k not in parameters}
        changed = replace(
            neuron, parameters=parameters, initial={**neuron.initial_as_given, **initial}
        )
        populations.append(replace(population, neuron=changed) if new else population)
        if new:
            known[population.name] = sorted({*known.get(population.name, ()), *new})
    provenance = {**network.provenance, LEARNED: known}
    return replace(network, populations=tuple(populations), provenance=provenance)
