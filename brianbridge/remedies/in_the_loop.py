"""The learning rule that trains with the perturbed simulation in the loop.

A network can learn back what it loses under a perturbation that stays the same (a device with
mismatch, weights on a coarse grid), if training sees the perturbation. For each batch the present
weights go into the network, the perturbations are applied with the same seed, which gives the same
device, and Brian2 runs. The twin then emits the spikes of Brian2
(`brianbridge.twin.recorded_spikes`). The loss is thus that of Brian2, and the gradient is the
learning rule's, in the unperturbed twin.

Neuromorphic chips are trained in the loop in this way (Schmitt et al. 2017; Cramer et al. 2022,
cited from memory); here Brian2 takes the place of the chip. Rounding is one of the perturbations:
the twin's weights are not rounded, and the gradient passes straight through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.arrays import as_numbers
from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.rules.base import LearningRule, Response
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.recorded_spikes import RecordedSpikes

__all__ = ["InTheLoop"]


@dataclass(frozen=True)
class InTheLoop(LearningRule):
    """Let a rule learn from what Brian2 does under perturbations.

    It wraps another rule, and therefore has no name by which it could be chosen.

    Parameters
    ----------
    rule : LearningRule
        The rule that computes the gradient.
    perturbations : tuple of Perturbation
        Perturbations of the simulation in Brian2.
    seed : int
        Seed of the perturbations, the same for all batches.
    threads : int, optional
        Threads of the simulation; one for each core if None. Each thread builds its own network in
        Brian2, which for small networks takes longer than running a batch.

    Raises
    ------
    InputError
        If the rule computes its own spikes.
    """

    rule: LearningRule
    perturbations: tuple[Perturbation, ...] = ()
    seed: int = 0
    threads: int | None = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "perturbations", tuple(self.perturbations))
        if not self.rule.learns_from_given_spikes:
            raise InputError(
                f"learning rule '{self.rule.name}' computes its spikes itself and cannot use "
                "those of Brian2; fine-tune with 'surrogate_gradient' or 'spike_count'"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the rule, perturbations and their seed, for JSON."""
        return {
            **self.rule.to_dict(),
            "perturbations": [repr(p) for p in self.perturbations],
            "perturbation_seed": self.seed,
        }

    def check(self, network: SpikingNetwork) -> None:
        """Check that rule and perturbations fit the network."""
        self.rule.check(network)
        if self._condition(network).poisson:
            raise InputError(
                "perturbation 'input_timing': with kind = 'poisson' Brian2 draws an input that "
                "the twin does not see, so there is no gradient; give kind = 'uniform'"
            )

    def check_recompute(self, twin: NetworkTwin) -> None:
        """Refuse to run parts again, as the spikes of Brian2 are known for one pass."""
        raise InputError(
            "training in the loop: recompute = true would run the twin again, without the spikes "
            "of Brian2; leave out recompute"
        )

    def prepare(self, twin: NetworkTwin) -> None:
        """Check that training does nothing to the twin that Brian2 cannot do to the network."""
        check_runtime_device("training in the loop")
        if twin.dropout:
            raise InputError(
                f"training in the loop: dropout = {dict(twin.dropout)!r} silences neurons that "
                "fire in Brian2; leave it out"
            )
        for name in twin.projections:
            if twin.projection(name).norm is not None:
                raise InputError(
                    f"training in the loop: projection '{name}' is normalised by the statistics "
                    "of each batch, which Brian2 does not know; fine-tune the network that "
                    "write_back returns, in which the normalisation is part of the weights"
                )
        self.rule.prepare(twin)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the rule's response to the spikes of Brian2."""
        # Noise differs from batch to batch, and is the same again when a training is resumed.
        seed = int(torch.randint(2**31, ()))
        with twin.replace_spikes(self.simulate(twin, current, raster, seed)):
            return self.rule.respond(twin, current, raster)

    def predict(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Tensor:
        """Return Brian2's output."""
        return self.simulate(twin, current, raster, self.seed).output

    def simulate(
        self,
        twin: NetworkTwin,
        current: Tensor | None,
        raster: Tensor | None,
        seed: int,
    ) -> RecordedSpikes:
        """Return the spikes and the output of Brian2 for an encoded batch, on the twin's time grid.

        Parameters
        ----------
        twin, current, raster
            As in `respond`.
        seed : int
            Seed of Brian2's random numbers.
        """
        condition = self._condition(write_back(twin))
        recording = condition.simulate(
            EncodedInput(_array(current), _array(raster)),
            index=None if twin.part is None else twin.part.numbers,
            record=("spikes",),
            seed=seed,
            threads=self.threads,
        )

        def tensor(values: np.ndarray) -> Tensor:
            return torch.as_tensor(values).to(device=twin.device, dtype=twin.dtype)

        spikes = {}
        for population in twin.network.firing:
            values = recording.raster(population.name, condition.divisor)
            spikes[population.name] = tensor(values).reshape(*values.shape[:2], *population.shape)
        return RecordedSpikes(spikes, tensor(recording.output))

    def _condition(self, network: SpikingNetwork) -> Condition:
        return perturbed(Condition(network), self.perturbations, self.seed)

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the argument of the rule's loss."""
        return self.rule.loss_input(twin, output)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the rule's loss."""
        return self.rule.loss(output, labels)

    def after_step(self, twin: NetworkTwin) -> None:
        """Call the rule's method; its `before_training` (initial weights) is never called."""
        self.rule.after_step(twin)

    def after_epoch(self, twin: NetworkTwin) -> None:
        """Call the rule's method."""
        self.rule.after_epoch(twin)


def _array(values: Tensor | None) -> np.ndarray | None:
    return None if values is None else as_numbers(values, np.float64, "encoded samples")
