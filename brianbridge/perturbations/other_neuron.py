"""Another neuron model instead of the original one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from brianbridge.network import Population, Projection
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import hidden_populations
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.rate_matching import matching_gain

__all__ = ["OtherNeuron"]


@dataclass(frozen=True)
class OtherNeuron(Perturbation):
    """Replace the neuron model, and scale its input so that neurons fire as often as before.

    Equations, emission, reset and units are those of the other model. Weights and biases into its
    neurons are multiplied by one number, the gain; for a linear neuron with a threshold that is the
    same as changing the threshold. The gain is chosen so that the mean number of spikes in a
    presentation is that of the original model, for a fixed set of test inputs: 100 constant
    currents of up to one threshold in a step, and 100 neurons with random weights that receive
    random spikes (`brianbridge.perturbations.rate_matching.matching_gain`). The response of a
    single neuron to a single input is not kept, and neither are spike times.

    The models are those of the library, as published: AdEx with the parameters of Brette & Gerstner
    (2005), Izhikevich's model of 2003, and the integrate-and-fire family; their files name the
    sources. The matching of rates is a method of this project.

    The output population keeps its neurons unless it is named, because its potential is read in
    their units.

    Parameters
    ----------
    model : str
        Name of a model in the library, or path of a neuron model file.
    parameters : mapping of str to str, float or Quantity
        Parameters with other values than in the library.
    populations : tuple of str
        Names of the populations that get the model; all that fire, except the output, if empty.
    gain : float, optional
        Factor for weights and biases: units of the other model's receiving variable (SI) in one
        unit of the original. Found from the mean rates if not given.

    Examples
    --------
    >>> OtherNeuron("lif", {"tau": "20 ms"}).parameters
    {'tau': '20 ms'}
    """

    name: ClassVar[str] = "other_neuron"
    keeps: ClassVar[str] = "the mean number of spikes over a fixed set of test inputs"
    stage: ClassVar[Stage] = Stage.MODEL

    model: str = "lif"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    populations: tuple[str, ...] = ()
    gain: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.parameters, Mapping):
            raise self.refuse("parameters", "give values by name, { tau = '20 ms' }")
        object.__setattr__(self, "parameters", dict(self.parameters))
        object.__setattr__(self, "populations", tuple(self.populations))
        if self.gain is not None and not (isinstance(self.gain, Real) and 0 < self.gain < np.inf):
            raise self.refuse("gain", "give a number above 0, or leave it out")
        self._other()  # raises if the model or a parameter is wrong

    def __hash__(self) -> int:
        return hash((self.name, self.model, self.populations, self.gain))

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Replace the neurons, and multiply the weights and biases that lead to them."""
        network, other = condition.network, self._other()
        chosen = self.populations or hidden_populations(network, self)
        gains = {name: self._gain(condition, network.population(name)) for name in chosen}

        def scaled(projection: Projection) -> Projection:
            gain, bias = gains.get(projection.target), projection.bias
            if gain is None:
                return projection
            return replace(
                projection,
                weight=projection.weight * gain,
                bias=None if bias is None else bias * gain,
            )

        populations = tuple(
            replace(p, neuron=other) if p.name in gains else p for p in network.populations
        )
        projections = tuple(map(scaled, network.projections))
        changed = replace(network, populations=populations, projections=projections)
        return replace(condition, network=changed)

    def _other(self) -> NeuronModel:
        return neuron_model(self.model, parameters=self.parameters)

    def _gain(self, condition: Condition, population: Population) -> float:
        if self.gain is not None:
            return self.gain
        return matching_gain(condition, population, self._other(), self)
