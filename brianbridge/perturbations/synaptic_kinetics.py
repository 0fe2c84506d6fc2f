"""Synaptic currents that decay, instead of jumps of the potential."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from brianbridge.neurons.edit_equations import with_equation, with_term
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import as_time, seconds, unit_name
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import spike_projections
from brianbridge.perturbations.condition import Condition

__all__ = ["SynapticKinetics"]


@dataclass(frozen=True)
class SynapticKinetics(Perturbation):
    """Let the charge of a spike flow in over time, as a current that decays.

    With ``exponential``, a weight w adds to a current s that follows ``ds/dt = -s/tau``, and the
    membrane receives ``s/tau``. With ``alpha``, a second such stage follows, so that the current
    first rises. In both cases the total charge of a spike is w, as it is for a jump (Brian2's
    documentation of synaptic models).

    Parameters
    ----------
    tau : str or Quantity
        Time constant of the current.
    kind : {"exponential", "alpha"}
        Time course of the current.
    """

    name: ClassVar[str] = "synaptic_kinetics"
    keeps: ClassVar[str] = "the charge of each spike, except what has not arrived by the end"
    stage: ClassVar[Stage] = Stage.SYNAPSE

    tau: Any = "5 ms"
    kind: Literal["exponential", "alpha"] = "exponential"

    def __post_init__(self) -> None:
        seconds(self.tau, f"perturbation '{self.name}': tau")  # raises unless above 0
        if self.kind not in ("exponential", "alpha"):
            raise self.refuse("kind", "give 'exponential' or 'alpha'")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add a current to every variable that receives spikes."""
        network = condition.network
        spike_projections(network, self)  # raises if there are none
        received = {p.name: network.received(p.name) for p in network.populations}
        populations = []
        for population in network.populations:
            neuron, variables = population.neuron, received[population.name]
            for variable in variables:
                neuron = self._with_current(neuron, variable)
            if neuron.receive in variables:
                neuron = replace(neuron, receive=_current(neuron.receive), initial=neuron.initial)
            populations.append(replace(population, neuron=neuron))
        projections = tuple(
            replace(p, receive=_current(p.receive)) if p.receive in received[p.target] else p
            for p in network.projections
        )
        changed = replace(network, populations=tuple(populations), projections=projections)
        return replace(condition, network=changed)

    def _with_current(self, neuron: NeuronModel, variable: str) -> NeuronModel:
        from brian2 import Equations

        unit = unit_name(Equations(neuron.equations)[variable].dim)
        first, second = _current(variable), f"{_current(variable)}_flow"
        last = second if self.kind == "alpha" else first
        tau = f"{first}_tau"
        decay = f"d{first}/dt = -{first}/{tau} : {unit}"
        neuron = with_equation(neuron, decay, **{tau: as_time(self.tau)})
        if self.kind == "alpha":
            neuron = with_equation(neuron, f"d{second}/dt = ({first} - {second})/{tau} : {unit}")
        return with_term(neuron, variable, f"+ {last}/{tau}")


def _current(variable: str) -> str:
    """Return the name of the synaptic current that flows into a variable."""
    return f"{variable}_synaptic"
