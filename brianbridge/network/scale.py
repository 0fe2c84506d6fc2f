"""The natural units of a network: those of its potentials, weights and biases.

They follow from the neuron models; see `brianbridge.neurons.scale`. A population without a
threshold, such as a readout, takes the unit of another population whose potential has the same
dimensions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brianbridge.network.gain import driven_variable
from brianbridge.network.projection import Projection
from brianbridge.network.structure import NetworkStructure
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantity_text import quantity_text

__all__ = [
    "bias_unit",
    "in_natural_units",
    "potential_unit",
    "scale_text",
    "unit_of_variable",
    "weight_unit",
    "weight_unit_text",
]


def potential_unit(network: NetworkStructure, name: str) -> float:
    """Return one natural unit of the potential of a population, in SI units."""
    scale = network.population(name).neuron.scale
    if scale.unit is not None:
        return scale.unit
    units = [
        other.unit
        for other in (population.neuron.scale for population in network.populations)
        if other.unit is not None and other.dimensions == scale.dimensions
    ]
    return max(units, default=1.0)


def unit_of_variable(network: NetworkStructure, name: str, variable: str) -> float:
    """Return one natural unit of a variable of a population, in SI units."""
    return network.population(name).neuron.scale.of(variable, potential_unit(network, name))


def weight_unit(network: NetworkStructure, projection: Projection) -> float:
    """Return one natural unit of the weights of a projection, in SI units.

    It is the unit of the variable that spikes add to, or that a constant current drives. Synapses
    with a model use their weight in any way: its unit is its largest size, or 1 if all are 0.
    """
    if projection.model is not None:
        return float(np.abs(projection.weight, dtype=np.float64).max(initial=0.0)) or 1.0
    if not network.delivers_spikes(projection):
        return bias_unit(network, projection)
    return unit_of_variable(network, projection.target, network.receive_of(projection))


def bias_unit(network: NetworkStructure, projection: Projection) -> float:
    """Return one natural unit of the biases of a projection, in SI units."""
    variable = driven_variable(network, projection.target)
    return unit_of_variable(network, projection.target, variable) if variable else 1.0


def scale_text(network: NetworkStructure, name: str) -> str:
    """Return the natural unit of a population's potential in words; empty if it is dimensionless.

    Examples
    --------
    >>> import numpy as np
    >>> from brianbridge.encoding import Bernoulli
    >>> from brianbridge.network import Population, Projection, SpikingNetwork
    >>> from brianbridge.neurons.model import NeuronModel
    >>> neuron = NeuronModel(
    ...     "dv/dt = (-65*mV - v)/(10*ms) : volt", threshold="v > -50*mV", reset="v = -65*mV",
    ...     initial={"v": "-65 mV"})
    >>> synapses = Projection("input", "output", np.full((1, 2), 2e-3))
    >>> output = Population("output", (1,), neuron)
    >>> net = SpikingNetwork((2,), Bernoulli(10), (output,), (synapses,))
    >>> scale_text(net, "output"), weight_unit_text(net, synapses)
    ('one unit of v is 15 mV, from rest at -65 mV', '15 mV')
    """
    neuron = network.population(name).neuron
    scale = neuron.scale
    if not scale.dimensions:
        return ""
    rest, unit = (
        _text(neuron, scale.potential, value)
        for value in (scale.rest, potential_unit(network, name))
    )
    return f"one unit of {scale.potential} is {unit}, from rest at {rest}"


def weight_unit_text(network: NetworkStructure, projection: Projection) -> str:
    """Return one natural unit of the weights of a projection, with its unit: ``"15 mV"``."""
    if projection.model is not None:
        return f"{weight_unit(network, projection):g}, in SI units"
    variable = network.receive_of(projection)
    if not network.delivers_spikes(projection):
        variable = driven_variable(network, projection.target)
    neuron = network.population(projection.target).neuron
    return _text(neuron, variable, weight_unit(network, projection))


def _text(neuron: NeuronModel, variable: str, value: float) -> str:
    """Return an SI value of a variable of a neuron model as text."""
    from brian2 import Equations, Quantity

    dim = Equations(neuron.equations)[variable].dim
    return quantity_text(Quantity.with_dimensions(value, dim))


def in_natural_units(network: NetworkStructure) -> tuple[Projection, ...]:
    """Return the projections of a network whose weights and biases are in natural units.

    Returns
    -------
    tuple of Projection
        The same projections, with weights and biases in SI units.
    """
    return tuple(_in_si_units(network, projection) for projection in network.projections)


def _in_si_units(network: NetworkStructure, projection: Projection) -> Projection:
    bias, unit = projection.bias, weight_unit(network, projection)
    unit_of_bias = 1.0 if bias is None else bias_unit(network, projection)
    if (unit, unit_of_bias) == (1, 1):
        return projection
    return replace(
        projection,
        weight=(projection.weight * unit).astype(projection.weight.dtype),
        bias=None if bias is None else (bias * unit_of_bias).astype(bias.dtype),
    )
