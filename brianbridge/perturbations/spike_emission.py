"""Changes of spike emission: refractory periods and unit spikes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import Population
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import seconds
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import with_neurons
from brianbridge.perturbations.condition import Condition

__all__ = ["Refractory", "UnitSpikes"]


@dataclass(frozen=True)
class Refractory(Perturbation):
    """Keep neurons from firing for a while after each spike; their potential keeps changing.

    Parameters
    ----------
    period : str or Quantity
        Length of the refractory period.
    """

    name: ClassVar[str] = "refractory"
    keeps: ClassVar[str] = "input and leak: charge is stored, not lost"
    stage: ClassVar[Stage] = Stage.NEURON

    period: Any = "2 ms"

    def __post_init__(self) -> None:
        seconds(self.period, f"perturbation '{self.name}': period")  # raises unless above 0

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Set the refractory period."""
        try:
            return replace(condition, network=condition.network.with_refractory(self.period))
        except InputError as error:
            raise InputError(f"perturbation '{self.name}': {error}; leave it out") from None


@dataclass(frozen=True)
class UnitSpikes(Perturbation):
    """Send spikes of size 1 instead of graded spikes, at most one per step.

    The charge that a neuron would have sent at once stays above its threshold and is sent in the
    following steps. A finer dt makes room for these spikes.
    """

    name: ClassVar[str] = "unit_spikes"
    keeps: ClassVar[str] = "charge, where resets subtract and time allows"
    stage: ClassVar[Stage] = Stage.NEURON

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Clip spike values to -1 and 1."""
        if all(p.neuron.is_binary for p in condition.network.firing):
            raise InputError(
                f"perturbation '{self.name}': all spikes of this network have size 1 already; "
                "leave it out"
            )

        def clipped(population: Population) -> NeuronModel:
            neuron = population.neuron
            if neuron.is_binary or not neuron.emit:
                return neuron
            return replace(neuron, emit=f"clip({neuron.emit}, -1, 1)", initial=neuron.initial)

        return with_neurons(condition, clipped)
