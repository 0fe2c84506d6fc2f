"""Unreliable synapses: spikes that fail to arrive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from brianbridge.network import Failure, Projection
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import spike_projections
from brianbridge.perturbations.condition import Condition

__all__ = ["SynapticFailure"]


@dataclass(frozen=True)
class SynapticFailure(Perturbation):
    """Let each spike fail at each synapse, independently and with the same probability.

    Release is all or none: a spike that arrives has its full weight. This is the simplest model of
    unreliable transmitter release, with one release site per synapse and without depletion or
    facilitation. In Brian2's documentation of synapses it is
    ``on_pre="v_post += w*int(rand() > p)"`` (as remembered).

    Whether a spike arrives is a function of the seed, the number of the sample, Brian2's step and
    the neurons at both ends. Batches, threads and simulation paths therefore change nothing
    (`brianbridge.simulation.batched.failure`). Biases and constant currents are not spikes and
    never fail. Training has draws of its own, and a faster way to draw them for neurons with many
    synapses (`brianbridge.twin.unreliable`).

    Parameters
    ----------
    probability : float
        Probability that a spike fails to arrive.
    compensate : bool
        Whether weights are divided by ``1 - probability``, so that the mean charge is kept.
    projections : tuple of str
        Names of the unreliable projections; all that carry spikes, also from the input, if empty.
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
        """Give each chosen projection a failure with its own random key."""
        network = condition.network
        chosen = spike_projections(network, self, self.projections)
        scale = 1 / (1 - self.probability) if self.compensate else 1.0

        def failing(projection: Projection) -> Projection:
            # Draw a key for every projection, so that it does not depend on which are chosen.
            key = int(rng.integers(2**63))
            if projection.name not in chosen:
                return projection
            failure = Failure(self.probability, key)
            return replace(projection, weight=projection.weight * scale, failure=failure)

        changed = replace(network, projections=tuple(map(failing, network.projections)))
        return replace(condition, network=changed)
