"""Terms added to the membrane equation: noise and a constant current."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import Population
from brianbridge.neurons.edit_equations import with_term
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import as_time, seconds
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import keep_current_input, threshold_of, with_neurons
from brianbridge.perturbations.condition import Condition

__all__ = ["BackgroundCurrent", "MembraneNoise"]


@dataclass(frozen=True)
class MembraneNoise(Perturbation):
    """Add white noise to the membrane potential, ``+ sigma*sqrt(2/tau_noise)*xi``.

    If the membrane leaks with the time constant `tau`, its potential varies around its mean with
    the standard deviation `sigma` (an Ornstein-Uhlenbeck process). Without a leak the variance
    grows by ``2*sigma**2/tau``.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in units of the threshold.
    tau : str or Quantity, optional
        Time constant of the noise; the neuron model's ``tau`` if not given.
    """

    name: ClassVar[str] = "membrane_noise"
    keeps: ClassVar[str] = "the mean of the potential below the threshold"
    stage: ClassVar[Stage] = Stage.NEURON
    random: ClassVar[bool] = True

    sigma: float = 0.1
    tau: Any = None

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise self.refuse("sigma", "give 0 or more, in units of the threshold")
        if self.tau is not None:
            seconds(self.tau, f"perturbation '{self.name}': tau")  # raises unless above 0

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the term and integrate by Brian2's ``euler``: noise has no exact solution here."""

        def noisy(population: Population) -> NeuronModel:
            neuron = population.neuron
            tau = neuron.parameters.get("tau") if self.tau is None else as_time(self.tau)
            if tau is None:
                raise InputError(
                    f"perturbation '{self.name}': neurons of population '{population.name}' have "
                    "no 'tau'; give tau, such as '10 ms'"
                )
            theta = threshold_of(population, self)
            v = neuron.require_potential(f"perturbation '{self.name}'")
            return with_term(
                neuron, v, "+ noise_sigma*sqrt(2/noise_tau)*xi", method="euler",
                noise_sigma=self.sigma * theta, noise_tau=tau,
            )  # fmt: skip

        changed = with_neurons(condition, noisy)
        return replace(changed, network=keep_current_input(condition.network, changed.network))


@dataclass(frozen=True)
class BackgroundCurrent(Perturbation):
    """Inject the same constant current into every neuron.

    Parameters
    ----------
    size : float
        How much the current adds to a membrane without a leak in one step of the twin, in units of
        the threshold.
    """

    name: ClassVar[str] = "background_current"
    keeps: ClassVar[str] = "differences between inputs"
    stage: ClassVar[Stage] = Stage.NEURON

    size: float = 0.05

    def __post_init__(self) -> None:
        if not np.isfinite(self.size):
            raise self.refuse("size", "give a number, such as 0.05")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the current to the membrane equation."""
        from brian2 import second

        step = condition.network.dt * second

        def driven(population: Population) -> NeuronModel:
            neuron, theta = population.neuron, threshold_of(population, self)
            v = neuron.require_potential(f"perturbation '{self.name}'")
            return with_term(neuron, v, "+ background", background=self.size * theta / step)

        return with_neurons(condition, driven)
