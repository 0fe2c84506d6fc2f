"""Synapses as conductances, in place of jumps of the potential."""

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
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.equal_rates import emitted
from brianbridge.perturbations.neurons import threshold_of, with_currents_of
from brianbridge.perturbations.transmission import spike_projections

__all__ = ["ConductanceSynapses"]

_KINDS = ("excitatory", "inhibitory")
#: Methods that hold a conductance for a step.
_HELD = ("conditional", "exponential_euler")


@dataclass(frozen=True)
class ConductanceSynapses(Perturbation):
    """Let spikes open conductances, ``g_e*(E_e - v) + g_i*(E_i - v)``, in place of jumps of v.

    Both decay, ``dg/dt = -g/tau``. A weight w above 0 adds ``w/(tau*(E_e - v_ref))`` to g_e, one
    below 0 adds ``w/(tau*(E_i - v_ref))`` to g_i: the charge of a spike is w if the potential is
    held at the reference potential v_ref, less the nearer it is to the reversal potential, and 0
    there. The more conductance is open, the faster the membrane: that is what jumps leave out.

    The form is that of conductance-based integrate-and-fire networks (Vogels & Abbott 2005; the
    COBA benchmark among Brian2's examples). The defaults are its numbers in units of the distance
    from rest to threshold: rest at -60 mV, threshold at -50 mV, and reversal potentials of 0 mV
    and -80 mV, so that E_e is 6 thresholds above rest and E_i 2 below. Numbers and sources are as
    remembered. The time constant is the 5 ms of its excitation, here for both.

    Rest is a neuron's initial potential. The product ``g*v`` is not linear: 'exact' models are
    stepped by exponential Euler instead, in which a conductance has its mean over the step. That is
    exact for a membrane without a leak, keeps the charge at any step, and never takes the
    potential past its reversal. Constant currents add to the membrane as before. Projections that
    have weights of either sign become two. Many weights that cancel each other as jumps do not
    cancel as conductances: they hold the potential where it is.

    Parameters
    ----------
    tau : str or Quantity
        Time constant of the conductances.
    excitatory, inhibitory : float
        Reversal potentials, in thresholds above rest.
    reference : float
        Where the charge of a spike is its weight, in thresholds above rest: 0 at rest, 0.5
        half-way to the threshold.
    """

    name: ClassVar[str] = "conductance_synapses"
    keeps: ClassVar[str] = "the charge of a spike at the reference potential"
    stage: ClassVar[Stage] = Stage.SYNAPSE

    tau: Any = "5 ms"
    excitatory: float = 6.0
    inhibitory: float = -2.0
    reference: float = 0.0

    def __post_init__(self) -> None:
        seconds(self.tau, f"perturbation '{self.name}': tau")  # refuses all but times above 0
        if not -np.inf < self.inhibitory < self.reference:
            raise self.refuse("inhibitory", f"give less than reference = {self.reference!r}")
        if not self.reference < self.excitatory < np.inf:
            raise self.refuse("excitatory", f"give more than reference = {self.reference!r}")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the conductances to all that receives spikes, and part weights by their sign."""
        network = condition.network
        spike_projections(network, self, ())
        projections: list[Projection] = []
        for projection in network.projections:
            if network.delivers_spikes(projection):
                self._check(network, projection)
                projections += _parted(projection)
            else:
                projections.append(projection)
        populations = tuple(
            replace(p, neuron=self._conducting(p)) if network.received(p.name) else p
            for p in network.populations
        )
        changed = replace(network, populations=populations, projections=tuple(projections))
        return replace(condition, network=with_currents_of(network, changed))

    def _check(self, network: SpikingNetwork, projection: Projection) -> None:
        neuron = network.population(projection.target).neuron
        variable = network.receive_of(projection)
        if variable != neuron.potential:
            raise InputError(
                f"perturbation '{self.name}': projection '{projection.name}' adds to '{variable}', "
                f"not to the potential '{neuron.potential}'; its synapses have a course of their "
                "own, so leave the perturbation out"
            )
        if projection.source == INPUT:
            signed = getattr(network.encoding, "signed", False)
        else:
            # Far below rest is where neurons fire negative spikes, if they do.
            signed = emitted(network.population(projection.source).neuron, -1e9) < 0
        if signed:
            raise InputError(
                f"perturbation '{self.name}': spikes of '{projection.source}' can be negative, and "
                "a conductance cannot; leave it out"
            )

    def _conducting(self, population: Population) -> NeuronModel:
        from brian2 import Equations

        neuron, theta = population.neuron, threshold_of(population, self.name)
        v = neuron.potential
        unit = unit_name(Equations(neuron.equations)[v].dim)
        # A threshold is a distance: with the initial potential it becomes a place.
        rest = neuron.initial.get(v, 0 * theta)
        held = rest + self.reference * theta
        method = "conditional" if neuron.method == "exact" else neuron.method
        for kind, reversal in zip(_KINDS, (self.excitatory, self.inhibitory), strict=True):
            charge, conductance, tau = _charge(kind), f"g_{kind}", f"tau_{kind}"
            # Other methods follow the decay within a step, or (Euler) add up to the same.
            mean = f"*exprel(-dt/{tau})" if method in _HELD else ""
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
    """Return the variable that weights add to: what the conductance will bring at v_ref."""
    return f"q_{kind}"


def _parted(projection: Projection) -> list[Projection]:
    """Return a projection for each sign that its weights have; the bias is that of the first."""
    weight = projection.weight
    parts: list[Projection] = []
    for kind, here in zip(_KINDS, (weight >= 0, weight < 0), strict=True):
        if here.any():
            parts.append(
                replace(
                    projection,
                    weight=np.where(here, weight, 0).astype(weight.dtype),
                    bias=None if parts else projection.bias,
                    receive=_charge(kind),
                    label="_".join(filter(None, (projection.label, kind))),
                )
            )
    return parts
