"""Refuse networks that a rule which learns layer by layer cannot train."""

from __future__ import annotations

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.neurons.quantity_text import quantity_text

__all__ = [
    "check_canonical",
    "check_feedforward",
    "check_fixed_delays",
    "check_same_delays",
    "check_scale",
    "check_threshold",
]


def check_feedforward(network: SpikingNetwork, rule: str) -> None:
    """Refuse networks with loops, synapses with a model, and delays that are learned.

    Raises
    ------
    InputError
        If a rule that works layer by layer cannot train the network.
    """
    if not network.layers:
        raise InputError(
            f"learning rule '{rule}' works layer by layer, which feedback does not allow, and "
            "populations of this network form a loop; leave the feedback out, or use "
            "'surrogate_gradient', which trains every network"
        )
    for projection in network.modelled:
        raise InputError(
            f"learning rule '{rule}' only adds weights, but the synapses of projection "
            f"'{projection.name}' have a model; use 'surrogate_gradient', which trains every "
            "network"
        )
    check_fixed_delays(network, rule)


def check_fixed_delays(network: SpikingNetwork, rule: str) -> None:
    """Refuse projections whose delays are learned, by a rule that has no gradient of them."""
    for projection in network.projections:
        if projection.longest_delay is not None:
            raise InputError(
                f"learning rule '{rule}' has no gradient of the delays that projection "
                f"'{projection.name}' learns; leave out learn_delays, or use 'surrogate_gradient'"
            )


def check_same_delays(network: SpikingNetwork, rule: str) -> None:
    """Refuse synapses with a delay each, for a rule that delays a whole projection."""
    for projection in network.projections:
        if projection.connection.delays is not None:
            raise InputError(
                f"learning rule '{rule}': the synapses of projection '{projection.name}' have a "
                "delay each; give the projection one delay, or use 'surrogate_gradient', which "
                "trains every network"
            )


def check_canonical(network: SpikingNetwork, rule: str) -> None:
    """Refuse networks in Brian2's order, such as those that were read from Brian2."""
    if network.schedule != "canonical":
        raise InputError(
            f"learning rule '{rule}' works with the schedule 'canonical' only, not "
            f"'{network.schedule}', Brian2's own order; use 'surrogate_gradient', which trains "
            "every network"
        )


def check_reliable(network: SpikingNetwork, rule: str) -> None:
    """Refuse synapses at which spikes may fail to arrive, for rules that do not draw which do."""
    for projection in network.projections:
        if projection.failure is not None:
            raise InputError(
                f"learning rule '{rule}' does not draw which spikes fail to arrive, as those of "
                f"projection '{projection.name}' do; use 'surrogate_gradient' or 'spike_count'"
            )


def check_threshold(network: SpikingNetwork, rule: str, threshold: str) -> None:
    """Refuse neurons that fire without a threshold parameter."""
    for population in network.firing:
        _require_parameter(population.neuron, rule, threshold)


def _require_parameter(neuron: NeuronModel, rule: str, threshold: str) -> None:
    if threshold not in neuron.parameters:
        raise InputError(
            f"learning rule '{rule}': neuron model '{neuron.name}' has no parameter "
            f"'{threshold}'; name its threshold with the option 'threshold'"
        )


def check_scale(network: SpikingNetwork, rule: str, threshold: str) -> None:
    """Refuse neurons whose distance from rest to threshold is unknown; see `threshold_tensor`.

    Raises
    ------
    InputError
        If a rule that divides by this distance cannot train the network.
    """
    for population in network.firing:
        neuron = population.neuron
        if neuron.scale.dimensions and neuron.scale.unit is not None:
            continue
        _require_parameter(neuron, rule, threshold)
        theta = neuron.parameters[threshold]
        if np.any(si_array(theta) <= 0):
            raise InputError(
                f"learning rule '{rule}' needs thresholds above 0, measured from rest, but "
                f"{threshold} = {quantity_text(theta)} in population '{population.name}'; measure "
                "potentials from rest, or use 'surrogate_gradient', which trains every network"
            )
