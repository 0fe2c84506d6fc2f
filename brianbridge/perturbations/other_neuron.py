"""Another neuron model in place of the trained one, with its input weighed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import Population, Projection
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.equal_rates import calibrated_gain

__all__ = ["OtherNeuron"]


@dataclass(frozen=True)
class OtherNeuron(Perturbation):
    """Put another neuron model in place of the trained one, and weigh its input anew.

    Equations, emission, reset and units are the other model's; weights and biases that lead to its
    neurons are multiplied by one number, the gain. For a linear neuron with a threshold that is
    the same as another threshold. It is chosen so that the mean number of spikes of the
    presentation, over the calibration inputs, is that of the trained model: 100 constant currents
    of up to one threshold per step, and 100 neurons with random weights that receive random spikes
    (`calibrated_gain`). What single neurons do with single inputs is not kept, nor is the time of
    any spike.

    The models are those of the library, as published: AdEx with the parameters of Brette & Gerstner
    (2005), Izhikevich's of 2003, and the integrate-and-fire family; see their files for sources.
    The calibration is of this project.

    The output population keeps its neurons unless it is named, since it is read in their units.

    Parameters
    ----------
    model : str
        A name of the library of neuron models, or the path of a model's file.
    parameters : mapping of str to str, float or Quantity
        Its parameters that are not the library's.
    populations : tuple of str
        Where; in all that fire but the output if empty.
    gain : float, optional
        In the unit of the variable that receives (SI) for each unit of the trained one; calibrated
        if not given.

    Examples
    --------
    >>> OtherNeuron("lif", {"tau": "20 ms"}).parameters
    {'tau': '20 ms'}
    """

    name: ClassVar[str] = "other_neuron"
    keeps: ClassVar[str] = "the mean number of spikes over the calibration inputs"
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
        self._other()  # or say what is wrong with it

    def __hash__(self) -> int:
        return hash((self.name, self.model, self.populations, self.gain))

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Replace the neurons, and multiply the weights that lead to them."""
        network, other = condition.network, self._other()
        chosen = self.populations or tuple(
            p.name for p in network.firing if p.name != network.output.name
        )
        if not chosen:
            raise InputError(
                f"perturbation '{self.name}': no population but the output fires; name it in "
                f"populations = ['{network.output.name}'] if its neurons are meant"
            )
        gains = {name: self._gain(condition, network.population(name)) for name in chosen}

        def weighed(projection: Projection) -> Projection:
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
        projections = tuple(map(weighed, network.projections))
        changed = replace(network, populations=populations, projections=projections)
        return replace(condition, network=changed)

    def _other(self) -> NeuronModel:
        return neuron_model(self.model, parameters=self.parameters)

    def _gain(self, condition: Condition, population: Population) -> float:
        if self.gain is not None:
            return self.gain
        return calibrated_gain(condition, population, self._other(), self.name)
