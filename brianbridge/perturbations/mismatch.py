"""Device mismatch: parameters that differ from neuron to neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from brianbridge.network import Population
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import with_neurons
from brianbridge.perturbations.condition import Condition

__all__ = ["Mismatch"]


@dataclass(frozen=True)
class Mismatch(Perturbation):
    """Vary parameters from neuron to neuron, as they vary on chips and in tissue.

    Each value is multiplied by a random factor of its own. The factors are log-normal with mean 1,
    so that signs and means stay the same.

    Parameters
    ----------
    cv : float, or mapping of str to float
        Standard deviation of the factor (coefficient of variation). A mapping gives it by name of
        the population; populations that it does not name stay as they are.
    parameters : tuple of str
        Names of the parameters that vary, in every population whose neuron model has them.
    populations : tuple of str
        Names of the populations in which they vary; all populations if empty.
    """

    name: ClassVar[str] = "mismatch"
    keeps: ClassVar[str] = "the mean of each parameter, and signs"
    stage: ClassVar[Stage] = Stage.PARAMETERS
    random: ClassVar[bool] = True

    cv: float | Mapping[str, float] = 0.1
    parameters: tuple[str, ...] = ("tau", "theta")
    populations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "populations", tuple(self.populations))
        spreads = tuple(self.cv.values()) if isinstance(self.cv, Mapping) else (self.cv,)
        if not spreads or not all(isinstance(s, Real) and 0 <= s < np.inf for s in spreads):
            raise self.refuse("cv", "give 0 or more, such as 0.1")
        if isinstance(self.cv, Mapping) and self.populations:
            raise self.refuse("populations", "cv names populations already; leave out one of them")
        if not self.parameters:
            raise self.refuse("parameters", "name at least one, such as 'theta'")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Draw a factor for each neuron and parameter, and multiply."""
        populations = condition.network.populations
        chosen = tuple(self.cv) if isinstance(self.cv, Mapping) else self.populations
        changed = with_neurons(condition, lambda p: self._varied(p, rng), chosen)
        varied = [p for p in populations if not chosen or p.name in chosen]
        if not any(key in p.neuron.parameters for p in varied for key in self.parameters):
            known = sorted({key for p in populations for key in p.neuron.parameters})
            raise self.refuse("parameters", f"no neuron has any of them; known are {known}")
        return changed

    def _varied(self, population: Population, rng: np.random.Generator) -> NeuronModel:
        neuron = population.neuron
        spread = self.cv[population.name] if isinstance(self.cv, Mapping) else self.cv
        width = np.sqrt(np.log1p(spread**2))
        for key in self.parameters:
            if key in neuron.parameters:
                draws = rng.standard_normal(population.size)
                factor = np.exp(width * draws - width**2 / 2)
                value = neuron.parameters[key]
                by_neuron = np.resize(value, population.size) if np.ndim(value) else value
                neuron = neuron.with_parameters(**{key: factor * by_neuron})
        return neuron
