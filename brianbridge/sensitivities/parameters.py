"""The parameters of a network: of its neurons, of synapses with a model, and delays."""

from __future__ import annotations

from brianbridge.network import SpikingNetwork
from brianbridge.sensitivities.delay_parameters import delays_of
from brianbridge.sensitivities.neuron_parameters import parameters_of_neurons
from brianbridge.sensitivities.parameter import LeftOut, Parameter
from brianbridge.sensitivities.synapse_parameters import parameters_of_synapses

__all__ = ["parameters_of"]


def parameters_of(network: SpikingNetwork, step: float) -> tuple[list[Parameter], LeftOut]:
    """Return the parameters of all populations and projections, and why others are left out.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    step : float
        The change in Brian2, as a share. It is larger where a number of steps or a whole number
        would not change: refractory periods and delays change by at least one time step.
    """
    neurons, left_out = parameters_of_neurons(network, step)
    synapses, left_out_too = parameters_of_synapses(network, step)
    return [*neurons, *synapses, *delays_of(network)], left_out | left_out_too
