"""Neurons that never fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.network import Population
from brianbridge.neurons.edit_equations import with_bounds, with_gate
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import hidden_populations, with_neurons
from brianbridge.perturbations.condition import Condition

__all__ = ["DeadNeurons"]

#: Integration methods for equations that are linear in each variable: they stay finite without a
#: reset.
_FINITE_WITHOUT_RESET = ("exact", "exponential_euler", "conditional")


@dataclass(frozen=True)
class DeadNeurons(Perturbation):
    """Keep some neurons from firing; they are drawn at random without replacement.

    A dead neuron is never reset, because it never fires. With the methods for linear equations
    (exact, exponential Euler) its potential simply goes on. With any other method the equations may
    have an upstroke that only a reset ends (`adex`, `izhikevich`), so that the potential would grow
    without bound. The equations of dead neurons are then evaluated at their initial state, and the
    potential only adds up its input.

    Parameters
    ----------
    share : float
        Share of each population that is dead, rounded to whole neurons.
    populations : tuple of str
        Names of the populations with dead neurons; all that fire, except the output, if empty.
    """

    name: ClassVar[str] = "dead_neurons"
    keeps: ClassVar[str] = "the response of all other neurons to their input"
    stage: ClassVar[Stage] = Stage.NEURON
    random: ClassVar[bool] = True

    share: float = 0.05
    populations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        if not 0 <= self.share <= 1:
            raise self.refuse("share", "give a share from 0 to 1")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Draw the dead neurons."""
        network = condition.network
        chosen = self.populations or hidden_populations(network, self)
        sizes = [network.population(name).size for name in chosen]
        if self.share and not any(round(self.share * size) for size in sizes):
            raise self.refuse("share", f"of {sizes} neurons none would be dead; give more")

        def silenced(population: Population) -> NeuronModel:
            alive = np.ones(population.size)
            dead = round(self.share * population.size)
            alive[rng.choice(population.size, dead, replace=False)] = 0
            gated = with_gate(population.neuron, "alive", alive)
            return (
                gated if gated.method in _FINITE_WITHOUT_RESET else with_bounds(gated, alive == 0)
            )

        return with_neurons(condition, silenced, chosen)
