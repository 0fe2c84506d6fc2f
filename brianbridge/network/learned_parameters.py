"""Give a network the parameters of neurons and synapses that training found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brianbridge.network.network import SpikingNetwork
from brianbridge.network.synapses.model import SynapseModel
from brianbridge.neurons.model import NeuronModel

__all__ = ["LEARNED", "with_learned"]

#: Key of the provenance that names the learned parameters of each population and projection.
LEARNED = "learned_parameters"


def with_learned(
    network: SpikingNetwork, values: Mapping[str, Mapping[str, Any]]
) -> SpikingNetwork:
    """Return the network with new parameters and initial values, named in its provenance.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    values : mapping of str to mapping of str to Quantity
        The value of each parameter, or initial value of each variable, by population or by
        projection whose synapses have a model; one, or one for each neuron or synapse.
    """
    if not values:
        return network
    before: Mapping[str, list[str]] = network.provenance.get(LEARNED, {})
    names = {owner: sorted({*before.get(owner, ()), *new}) for owner, new in values.items()}
    return replace(
        network,
        populations=tuple(
            replace(p, neuron=_neuron(p.neuron, values[p.name])) if p.name in values else p
            for p in network.populations
        ),
        projections=tuple(
            replace(p, model=_synapses(p.model, values[p.name]))
            if p.model is not None and p.name in values
            else p
            for p in network.projections
        ),
        provenance={**network.provenance, LEARNED: {**before, **names}},
    )


def _neuron(neuron: NeuronModel, new: Mapping[str, Any]) -> NeuronModel:
    parameters = {name: new.get(name, value) for name, value in neuron.parameters.items()}
    initial = {name: value for name, value in new.items() if name not in parameters}
    return replace(neuron, parameters=parameters, initial={**neuron.initial_as_given, **initial})


def _synapses(model: SynapseModel, new: Mapping[str, Any]) -> SynapseModel:
    constants = {name: new.get(name, value) for name, value in model.constants.items()}
    initial = {name: value for name, value in new.items() if name not in constants}
    return replace(model, constants=constants, initial={**model.initial, **initial})
