"""Helpers for perturbations: change the neurons and weights of a condition's network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations.base import Perturbation
from brianbridge.perturbations.condition import Condition

__all__ = [
    "hidden_populations",
    "keep_current_input",
    "spike_projections",
    "threshold_of",
    "with_neurons",
    "with_weights",
]


def with_neurons(
    condition: Condition,
    change: Callable[[Population], NeuronModel],
    populations: tuple[str, ...] = (),
) -> Condition:
    """Return the condition with other neuron models.

    Parameters
    ----------
    condition : Condition
        The condition.
    change : callable
        Return the new neuron model of a population.
    populations : tuple of str
        Names of the populations to change; all of them if empty.

    Raises
    ------
    InputError
        If the network has no population of a name.
    """
    network = condition.network
    for name in populations:
        network.population(name)  # raises if there is none
    changed = tuple(
        replace(p, neuron=change(p)) if not populations or p.name in populations else p
        for p in network.populations
    )
    return replace(condition, network=replace(network, populations=changed))


def with_weights(condition: Condition, change: Callable[[np.ndarray], np.ndarray]) -> Condition:
    """Return the condition with all weights changed, except frozen ones, in network order."""
    network = condition.network
    changed = {p.name: (change(p.weight), p.bias) for p in network.projections if not p.frozen}
    return replace(condition, network=network.with_weights(changed))


def hidden_populations(network: SpikingNetwork, perturbation: Perturbation) -> tuple[str, ...]:
    """Return the names of the populations that fire, except the output.

    Raises
    ------
    InputError
        If only the output fires.
    """
    hidden = tuple(p.name for p in network.firing if p.name != network.output.name)
    if not hidden:
        raise InputError(
            f"perturbation '{perturbation.name}': no population but the output fires; to change "
            f"the output, give populations = ['{network.output.name}']"
        )
    return hidden


def spike_projections(
    network: SpikingNetwork, perturbation: Perturbation, names: tuple[str, ...] = ()
) -> set[str]:
    """Return the names of the chosen projections, or of all that carry spikes.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    perturbation : Perturbation
        The perturbation that changes them, for error messages.
    names : tuple of str
        The chosen projections; all that carry spikes if empty.

    Raises
    ------
    InputError
        If a name is unknown, a chosen projection carries a constant current or has synapses with a
        model, or no projection carries spikes.
    """
    carries_spikes = {p.name: network.delivers_spikes(p) for p in network.projections}
    for name in names:
        if name not in carries_spikes:
            hint = did_you_mean(name, carries_spikes)
            raise perturbation.refuse("projections", f"there is no '{name}'. {hint}")
        if not carries_spikes[name]:
            raise perturbation.refuse(
                "projections", f"'{name}' carries a constant current and no spikes"
            )
    if not any(carries_spikes.values()):
        raise InputError(
            f"perturbation '{perturbation.name}': no projection carries spikes; leave it out"
        )
    chosen = set(names) or {name for name, spikes in carries_spikes.items() if spikes}
    for projection in network.modelled:
        if projection.name in chosen:
            raise InputError(
                f"perturbation '{perturbation.name}': the synapses of projection "
                f"'{projection.name}' have a model, which it cannot change; leave it out, or "
                "choose other projections"
            )
    return chosen


def threshold_of(population: Population, perturbation: Perturbation) -> Any:
    """Return how far the threshold of a population's neurons is from rest.

    This is the natural unit of a potential in volts, and the parameter ``theta`` of a dimensionless
    one.

    Raises
    ------
    InputError
        If neither is known.
    """
    from brian2 import Equations, Quantity

    scale = population.neuron.scale
    if scale.dimensions and scale.unit is not None:
        dim = Equations(population.neuron.equations)[scale.potential].dim
        return Quantity.with_dimensions(scale.unit, dim)
    if "theta" not in population.neuron.parameters:
        raise InputError(
            f"perturbation '{perturbation.name}': its size is in units of the threshold, but "
            f"neurons of population '{population.name}' have no parameter 'theta'"
        )
    return population.neuron.parameters["theta"]


def keep_current_input(before: SpikingNetwork, after: SpikingNetwork) -> SpikingNetwork:
    """Return `after` with rescaled weights, so that constant currents are the same as in `before`.

    With the exact propagator, the input of one step in the twin is the charge that a leaky neuron
    has kept at the end of the step. Other integration methods take it for the whole charge,
    ``current*dt``, so that the neuron would receive less current. If neurons that share a weight
    differ, as those of a convolution may, the mean factor is used.
    """

    def rescaled(projection: Projection) -> Projection:
        old, new = (input_gain(network, projection.target) for network in (before, after))
        if old is None or new is None or np.array_equal(old, new):
            return projection
        ratio = np.asarray(new / old)
        weight, bias = projection.weight, projection.bias
        if not before.delivers_spikes(projection):
            weight = _scaled(weight, _factor_of_weights(before, projection, ratio))
        if bias is not None:
            bias = _scaled(bias, ratio if bias.size == ratio.size else ratio.mean())
        return replace(projection, weight=weight, bias=bias)

    return replace(after, projections=tuple(map(rescaled, after.projections)))


def _factor_of_weights(
    network: SpikingNetwork, projection: Projection, ratio: np.ndarray
) -> np.ndarray:
    """Return a factor for each weight, given one for each neuron or one for all."""
    connection, weight = projection.connection, projection.weight
    target = network.shape_of(projection.target)
    mean = np.asarray(ratio.mean())
    # Where a bias belongs to a channel, so do the weights; synapses need not be listed.
    if ratio.size == 1 or connection.bias_shape(target) != (ratio.size,):
        return mean
    seen = projection.pooled_shape(network.shape_of(projection.source))
    pairs = connection.pairs(weight.shape, seen, target)
    factor, wanted = np.ones(weight.size), ratio[pairs.target]
    factor[pairs.element] = wanted
    shared = (factor[pairs.element] != wanted).any()
    return mean if shared else factor.reshape(weight.shape)


def _scaled(values: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return (values.astype(np.float64) * factor).astype(np.result_type(values, np.float32))
