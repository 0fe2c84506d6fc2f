"""Perturbations of transmission: whether, when and how a spike becomes an input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, Failure, Projection, SpikingNetwork
from brianbridge.neurons.edit_equations import with_equation, with_term
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import as_time, seconds, unit_name
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.condition import Condition

__all__ = ["Delay", "SynapticFailure", "SynapticKinetics"]


@dataclass(frozen=True)
class SynapticFailure(Perturbation):
    """Let each spike fail to arrive at each synapse, independently, with the same probability.

    What arrives is unchanged: release is all or none. It is the simplest model of unreliable
    transmitter release, one site a synapse, without depletion or facilitation; in Brian2's
    documentation of synapses it is ``on_pre="v_post += w*int(rand() > p)"`` (as remembered).
    Whether a spike arrives is a function of the seed, the number of the sample, Brian2's step, and
    the neurons at either end, so that batches, threads and paths change nothing
    (`brianbridge.simulation.batched.failure`). Biases and constant currents are not spikes and
    stay.

    Parameters
    ----------
    probability : float
        That a spike fails to arrive.
    compensate : bool
        Whether weights are divided by ``1 - probability``, so that the mean charge is kept.
    projections : tuple of str
        Names; all that carry spikes, those of the input too, if empty.
    """

    name: ClassVar[str] = "synaptic_failure"
    keeps: ClassVar[str] = "what a spike does where it arrives (compensated: the mean charge)"
    stage: ClassVar[Stage] = Stage.ARRIVAL
    random: ClassVar[bool] = True

    probability: float = 0.1
    compensate: bool = False
    projections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "projections", tuple(self.projections))
        if not 0 <= self.probability <= 1:
            raise self.refuse("probability", "give 0 to 1, such as 0.1")
        if self.compensate and self.probability == 1:
            raise self.refuse("probability", "give less than 1: nothing arrives to compensate with")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Give each projection a failure with a key of its own."""
        network = condition.network
        chosen = spike_projections(network, self, self.projections)
        scale = 1 / (1 - self.probability) if self.compensate else 1.0

        def failing(projection: Projection) -> Projection:
            # Drawn for all, so that a key does not depend on which are chosen.
            key = int(rng.integers(2**63))
            if projection.name not in chosen:
                return projection
            failure = Failure(self.probability, key)
            return replace(projection, weight=projection.weight * scale, failure=failure)

        changed = replace(network, projections=tuple(map(failing, network.projections)))
        return replace(condition, network=changed)


@dataclass(frozen=True)
class SynapticKinetics(Perturbation):
    """Let a spike's charge flow in over time, by a current that decays, in place of at once.

    ``exponential``: a weight w adds to a current s of ``ds/dt = -s/tau``, and the membrane receives
    ``s/tau``. ``alpha``: a second such stage follows, so that the current rises first. Either way
    the charge of a spike is w, as that of a jump (Brian2's documentation of synaptic models).

    Parameters
    ----------
    tau : str or Quantity
        Time constant.
    kind : {"exponential", "alpha"}
        What the current looks like.
    """

    name: ClassVar[str] = "synaptic_kinetics"
    keeps: ClassVar[str] = "the charge of each spike, but for what is still to come at the end"
    stage: ClassVar[Stage] = Stage.SYNAPSE

    tau: Any = "5 ms"
    kind: Literal["exponential", "alpha"] = "exponential"

    def __post_init__(self) -> None:
        seconds(self.tau, f"perturbation '{self.name}': tau")  # refuses all but times above 0
        if self.kind not in ("exponential", "alpha"):
            raise self.refuse("kind", "give 'exponential' or 'alpha'")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the currents to all that receives spikes."""
        network = condition.network
        spike_projections(network, self, ())
        into = {p.name: network.received(p.name) for p in network.populations}
        populations = []
        for population in network.populations:
            neuron = population.neuron
            for variable in into[population.name]:
                neuron = self._slowed(neuron, variable)
            if neuron.receive in into[population.name]:
                neuron = replace(neuron, receive=_named(neuron.receive), initial=neuron.initial)
            populations.append(replace(population, neuron=neuron))
        projections = tuple(
            replace(p, receive=_named(p.receive)) if p.receive in into[p.target] else p
            for p in network.projections
        )
        changed = replace(network, populations=tuple(populations), projections=projections)
        return replace(condition, network=changed)

    def _slowed(self, neuron: NeuronModel, variable: str) -> NeuronModel:
        from brian2 import Equations

        unit = unit_name(Equations(neuron.equations)[variable].dim)
        arrives, flows = _named(variable), f"{_named(variable)}_flow"
        last = flows if self.kind == "alpha" else arrives
        tau = f"{arrives}_tau"
        decay = f"d{arrives}/dt = -{arrives}/{tau} : {unit}"
        neuron = with_equation(neuron, decay, **{tau: as_time(self.tau)})
        if self.kind == "alpha":
            neuron = with_equation(neuron, f"d{flows}/dt = ({arrives} - {flows})/{tau} : {unit}")
        return with_term(neuron, variable, f"+ {last}/{tau}")


def _named(variable: str) -> str:
    return f"{variable}_synaptic"


@dataclass(frozen=True)
class Delay(Perturbation):
    """Let spikes travel for longer, all for the same time or each weight's for its own.

    Parameters
    ----------
    time : str or Quantity
        What comes on top of a projection's own delay; a multiple of the twin's step.
    spread : str or Quantity
        Times of the weights are drawn from ``time - spread`` to ``time + spread``, all that are
        whole steps of the twin from `time` with the same chance. Of a convolution a weight
        of the kernel has one, wherever it is used.
    projections : tuple of str
        Names; all that carry spikes from neurons if empty.
    """

    name: ClassVar[str] = "delay"
    keeps: ClassVar[str] = "all spikes, but for those that would arrive after the end"
    stage: ClassVar[Stage] = Stage.TRANSMISSION
    random: ClassVar[bool] = True

    time: Any = "1 ms"
    spread: Any = "0 ms"
    projections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "projections", tuple(self.projections))
        time, spread = (
            seconds(value, f"perturbation '{self.name}': {option}", zero=True)
            for option, value in (("time", self.time), ("spread", self.spread))
        )
        if spread > time:
            raise self.refuse("spread", f"give at most time = {self.time!r}: no spike is early")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the times; weights of different times become projections of their own."""
        network, dt = condition.network, condition.network.dt
        time, spread = (
            seconds(self.time, "time", zero=True),
            seconds(self.spread, "spread", zero=True),
        )
        reach = int(spread / dt + 1e-9)  # steps; what is between two of them is left out
        if spread and not reach:
            raise self.refuse("spread", f"give a step of the twin, {dt * 1e3:g} ms, or more")
        chosen = spike_projections(network, self, self.projections)
        if not self.projections:
            chosen -= {p.name for p in network.projections if p.source == INPUT}
            if not chosen:
                raise InputError(
                    f"perturbation '{self.name}': nothing but the input sends spikes; name its "
                    "projections"
                )
        changed = []
        for projection in network.projections:
            if projection.name not in chosen:
                changed.append(projection)
                continue
            steps = rng.integers(-reach, reach, projection.weight.shape, endpoint=True)
            for number, step in enumerate(np.unique(steps)):
                here = steps == step
                changed.append(
                    replace(
                        projection,
                        weight=np.where(here, projection.weight, 0).astype(projection.weight.dtype),
                        bias=projection.bias if number == 0 else None,
                        delay=projection.delay + time + float(step) * dt,
                        label=f"{projection.label}d{step + reach}" if reach else projection.label,
                    )
                )
        return replace(condition, network=replace(network, projections=tuple(changed)))


def spike_projections(
    network: SpikingNetwork, one: Perturbation, names: tuple[str, ...]
) -> set[str]:
    """Return the names of the projections that are meant: those named, or all that carry spikes.

    Raises
    ------
    InputError
        If there is none of a name, it carries a constant current, or no projection carries spikes.
    """
    known = {p.name: network.delivers_spikes(p) for p in network.projections}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise one.refuse("projections", f"there is no '{name}'. {hint}")
        if not known[name]:
            raise one.refuse("projections", f"'{name}' carries a constant current and no spikes")
    if not any(known.values()):
        raise InputError(f"perturbation '{one.name}': no projection carries spikes; leave it out")
    return set(names) or {name for name, spikes in known.items() if spikes}
