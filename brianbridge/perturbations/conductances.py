"""Synaptic conductances, instead of jumps of the potential."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, Projection, SpikingNetwork
from brianbridge.neurons.edit_equations import with_equation, with_term
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import as_time, seconds, unit_name
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import (
    keep_current_input,
    spike_projections,
    threshold_of,
)
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.rate_matching import spike_value_at

__all__ = ["ConductanceSynapses"]

_KINDS = ("excitatory", "inhibitory")
#: Integration methods that hold a conductance constant during a step.
_HOLD_CONDUCTANCE = ("conditional", "exponential_euler")


@dataclass(frozen=True)
class ConductanceSynapses(Perturbation):
    """Let spikes open conductances, ``g_e*(E_e - v) + g_i*(E_i - v)``, instead of moving v.

    Both conductances decay, ``dg/dt = -g/tau``. A weight w above 0 adds ``w/(tau*(E_e - v_ref))``
    to g_e, one below 0 adds ``w/(tau*(E_i - v_ref))`` to g_i. The charge of a spike is therefore w
    if the potential stays at the reference potential v_ref. It falls as the potential approaches
    the reversal potential, where it is 0. Open conductances also make the membrane faster; both
    effects are missing when spikes move the potential directly.

    The form is that of conductance-based integrate-and-fire networks (Vogels & Abbott 2005; the
    COBA benchmark among Brian2's examples). The defaults are its numbers in units of the distance
    from rest to threshold: rest at -60 mV, threshold at -50 mV and reversal potentials of 0 mV
    and -80 mV, so that E_e is 6 thresholds above rest and E_i is 2 below. The time constant of 5 ms
    is that of the benchmark's excitation, used here for both. Numbers and sources are quoted from
    memory.

    The resting potential is the neuron's initial potential. The product ``g*v`` is not linear, so
    models with method 'exact' are integrated by exponential Euler, in which a conductance has its
    mean over the step. That is exact for a membrane without a leak, keeps the charge at any step,
    and never takes the potential beyond its reversal potential. Constant currents are added to the
    membrane as before. A projection with weights of both signs becomes two projections. Many
    weights that cancel as jumps do not cancel as conductances: they hold the potential in place.

    Parameters
    ----------
    tau : str or Quantity
        Time constant of the conductances.
    excitatory, inhibitory : float
        Reversal potentials, in thresholds above rest.
    reference : float
        Reference potential at which the charge of a spike is its weight, in thresholds above
        rest: 0 is at rest, 0.5 half-way to the threshold.
    """

    name: ClassVar[str] = "conductance_synapses"
    keeps: ClassVar[str] = "the charge of a spike at the reference potential"
    stage: ClassVar[Stage] = Stage.SYNAPSE

    tau: Any = "5 ms"
    excitatory: float = 6.0
    inhibitory: float = -2.0
    reference: float = 0.0

    def __post_init__(self) -> None:
        seconds(self.tau, f"perturbation '{self.name}': tau")  # raises unless above 0
        if not -np.inf < self.inhibitory < self.reference:
            raise self.refuse("inhibitory", f"give less than reference = {self.reference!r}")
        if not self.reference < self.excitatory < np.inf:
            raise self.refuse("excitatory", f"give more than reference = {self.reference!r}")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add conductances to all neurons that receive spikes, and split weights by their sign."""
        network = condition.network
        spike_projections(network, self)  # raises if there are none
        projections: list[Projection] = []
        for projection in network.projections:
            if network.delivers_spikes(projection):
                self._check(network, projection)
                projections += _split_by_sign(projection)
            else:
                projections.append(projection)
        populations = tuple(
            replace(p, neuron=self._conducting(p)) if network.received(p.name) else p
            for p in network.populations
        )
        changed = replace(network, populations=populations, projections=tuple(projections))
        return replace(condition, network=keep_current_input(network, changed))

    def _check(self, network: SpikingNetwork, projection: Projection) -> None:
        neuron = network.population(projection.target).neuron
        variable = network.receive_of(projection)
        v = neuron.require_potential(f"perturbation '{self.name}'")
        if variable != v:
            raise InputError(
                f"perturbation '{self.name}': projection '{projection.name}' adds to '{variable}', "
                f"not to the potential '{v}'; its synapses have a time course of "
                "their own, so leave the perturbation out"
            )
        if projection.source == INPUT:
            negative = getattr(network.encoding, "signed", False)
        else:
            # Neurons that emit negative spikes do so far below rest.
            negative = spike_value_at(network.population(projection.source).neuron, -1e9) < 0
        if negative:
            raise InputError(
                f"perturbation '{self.name}': spikes of '{projection.source}' can be negative, and "
                "a conductance cannot; leave it out"
            )

    def _conducting(self, population: Population) -> NeuronModel:
        from brian2 import Equations

        neuron, theta = population.neuron, threshold_of(population, self)
        v = neuron.require_potential(f"perturbation '{self.name}'")
        unit = unit_name(Equations(neuron.equations)[v].dim)
        # The threshold is a distance from rest; absolute potentials need the initial potential.
        rest = neuron.initial.get(v, 0 * theta)
        held = rest + self.reference * theta
        method = "conditional" if neuron.method == "exact" else neuron.method
        for kind, reversal in zip(_KINDS, (self.excitatory, self.inhibitory), strict=True):
            charge, conductance, tau = _charge(kind), f"g_{kind}", f"tau_{kind}"
            # Other methods follow the decay within a step, or (Euler) give the same sum.
            mean = f"*exprel(-dt/{tau})" if method in _HOLD_CONDUCTANCE else ""
            neuron = with_equation(
                neuron, f"d{charge}/dt = -{charge}/{tau} : {unit}", **{tau: as_time(self.tau)}
            )
            neuron = with_equation(
                neuron,
                f"{conductance} = {charge}{mean}/({tau}*(E_{kind} - held_{kind})) : Hz",
                **{f"E_{kind}": rest + reversal * theta, f"held_{kind}": held},
            )
            neuron = with_term(neuron, v, f"+ {conductance}*(E_{kind} - {v})", method=method)
        return neuron


def _charge(kind: str) -> str:
    """Return the variable that weights add to: the charge that would flow at v_ref."""
    return f"q_{kind}"


def _split_by_sign(projection: Projection) -> list[Projection]:
    """Return a projection for each sign among the weights; the first one has the bias."""
    weight = projection.weight
    split: list[Projection] = []
    for kind, here in zip(_KINDS, (weight >= 0, weight < 0), strict=True):
        if here.any():
            split.append(
                replace(
                    projection,
                    weight=np.where(here, weight, 0).astype(weight.dtype),
                    bias=None if split else projection.bias,
                    receive=_charge(kind),
                    label="_".join(filter(None, (projection.label, kind))),
                )
            )
    return split
