"""Fine-tuning with the perturbed simulation in the loop.

What a network loses under a perturbation that stays the same (a device with mismatch, weights on a
coarse grid) can be learnt back if training sees it. For each batch the present weights go into the
network, the perturbations are applied with the same seed, which makes the same device, and Brian2
runs. The twin then emits what Brian2 did (`brianbridge.twin.recorded_spikes`), so that the loss is
that of Brian2, and the gradient is the learning rule's own, of the twin without perturbations.

This is in-the-loop training as it was done with neuromorphic chips (Schmitt et al. 2017; Cramer et
al. 2022), with Brian2 in the place of the chip; both are remembered, not read here. The twin's
weights stay what they are between a coarse grid's steps: rounding is one of the perturbations, and
the gradient passes straight through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.arrays import as_numbers
from brianbridge.datasets import Dataset
from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.rules.base import LearningRule, Response, learning_rule
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training.options import TrainingOptions
from brianbridge.training.trainer import TrainingResult, train
from brianbridge.twin.network import NetworkTwin, to_torch
from brianbridge.twin.recorded_spikes import RecordedSpikes
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["FineTuned", "InTheLoop", "fine_tune"]


@dataclass(frozen=True)
class InTheLoop(LearningRule):
    """Let a rule learn from what Brian2 does under perturbations.

    It is made around another rule, and so has no name to be chosen by.

    Parameters
    ----------
    rule : LearningRule
        Where the gradient comes from.
    perturbations : tuple of Perturbation
        What is different in Brian2.
    seed : int
        Of their random numbers: the same for all batches.
    threads : int, optional
        Threads of the simulation; one for each core if None. Each builds a network of its own in
        Brian2, which takes longer than to run a batch of a small one.

    Raises
    ------
    InputError
        If the rule has a forward pass of its own.
    """

    rule: LearningRule
    perturbations: tuple[Perturbation, ...] = ()
    seed: int = 0
    threads: int | None = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "perturbations", tuple(self.perturbations))
        if not self.rule.learns_from_given_spikes:
            raise InputError(
                f"learning rule '{self.rule.name}' computes its spikes itself and cannot take "
                "those of Brian2; fine-tune with 'surrogate_gradient' or 'spike_count'"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the rule and what it is trained under, for JSON."""
        return {
            **self.rule.to_dict(),
            "perturbations": [repr(p) for p in self.perturbations],
            "perturbation_seed": self.seed,
        }

    # ------------------------------------------------------------------ what can be trained

    def check(self, network: SpikingNetwork) -> None:
        """Refuse what the rule refuses, and perturbations that do not fit the network."""
        self.rule.check(network)
        if self._condition(network).poisson:
            raise InputError(
                "perturbation 'input_timing': kind = 'poisson' lets Brian2 draw an input that the "
                "twin does not see, so that there is no gradient; give kind = 'uniform'"
            )

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse what is different in training, for Brian2 runs the network as it is deployed."""
        from brianbridge.simulation.device import check_runtime_device

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
                    "write_back returns, in which the normalisation is folded"
                )
        self.rule.prepare(twin)

    # ------------------------------------------------------------------ a batch

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the rule's response to what Brian2 did."""
        # Noise is to be another one in each batch, and of a run that is resumed the same again.
        seed = int(torch.randint(2**31, ()))
        with twin.replace_spikes(self.done(twin, current, raster, seed)):
            return self.rule.respond(twin, current, raster)

    def predict(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Tensor:
        """Return Brian2's output."""
        return self.done(twin, current, raster, self.seed).output

    def done(
        self,
        twin: NetworkTwin,
        current: Tensor | None,
        raster: Tensor | None,
        seed: int,
    ) -> RecordedSpikes:
        """Return what Brian2 does with an encoded batch, on the twin's grid of time.

        Parameters
        ----------
        twin, current, raster
            As in `respond`.
        seed : int
            Of Brian2's random numbers.
        """
        condition = self._condition(write_back(twin))
        ran = condition.simulate(
            EncodedInput(_array(current), _array(raster)),
            record=("spikes",),
            seed=seed,
            threads=self.threads,
        )

        def tensor(values: np.ndarray) -> Tensor:
            return torch.as_tensor(values).to(device=twin.device, dtype=twin.dtype)

        spikes = {}
        for population in twin.network.firing:
            values = ran.raster(population.name, condition.divisor)
            spikes[population.name] = tensor(values).reshape(*values.shape[:2], *population.shape)
        return RecordedSpikes(spikes, tensor(ran.output))

    def _condition(self, network: SpikingNetwork) -> Condition:
        return perturbed(Condition(network), self.perturbations, self.seed)

    # ------------------------------------------------------------------ what the rule says

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return what the rule's loss looks at."""
        return self.rule.loss_input(twin, output)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the rule's loss."""
        return self.rule.loss(output, labels)

    def after_step(self, twin: NetworkTwin) -> None:
        """Do what the rule does. Its `before_training`, which sets initial weights, is left out."""
        self.rule.after_step(twin)

    def after_epoch(self, twin: NetworkTwin) -> None:
        """Do what the rule does."""
        self.rule.after_epoch(twin)


def _array(values: Tensor | None) -> np.ndarray | None:
    return None if values is None else as_numbers(values, np.float64, "encoded samples")


@dataclass(frozen=True)
class FineTuned:
    """Hold the outcome of a fine-tuning.

    Parameters
    ----------
    network : SpikingNetwork
        With its new weights, without perturbations: these come on top again where it is verified.
    training : TrainingResult
        The curve; losses and accuracies are those in Brian2 under the perturbations.
    """

    network: SpikingNetwork
    training: TrainingResult


def fine_tune(
    network: SpikingNetwork,
    data: Dataset,
    perturbations: Iterable[Perturbation],
    rule: str | LearningRule = "surrogate_gradient",
    options: TrainingOptions | None = None,
    seed: int = 0,
    *,
    spike_function: SpikeFunction | None = None,
    dtype: torch.dtype | None = None,
    threads: int | None = 1,
    checkpoint: str | Path | None = None,
    **changes: Any,
) -> FineTuned:
    """Train a network on under perturbations, in Brian2 forward and in its twin backward.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with its weights.
    data : Dataset
        The training samples.
    perturbations : iterable of Perturbation
        What is different in Brian2.
    rule : str or LearningRule
        How it learns; one that follows the twin's spikes.
    options : TrainingOptions, optional
        How long and how fast. Learning rates are best a tenth of those of the training before.
    seed : int
        Of the perturbations (the device), and of the training.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike; that of `to_torch` if not given.
    dtype : torch.dtype, optional
        Floating point type of the twin.
    threads : int, optional
        Threads of the simulation; one for each core if None, which is worth it for large batches
        of large networks.
    checkpoint : str or Path, optional
        As in `train`.
    **changes
        Single options (``epochs=3``).

    Returns
    -------
    FineTuned

    Raises
    ------
    InputError
        If the rule cannot take Brian2's spikes, perturbations do not fit the network, or data and
        network do not fit; before anything runs.

    Examples
    --------
    >>> import numpy as np
    >>> from brianbridge.datasets import from_arrays
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.perturbations import WeightQuantisation
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> lif = neuron_model("lif")
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, lif), Dense(2, lif)], encoding=Current(5))
    >>> data = from_arrays("mine", np.eye(4), np.array([0, 1, 0, 1]))
    >>> found = fine_tune(
    ...     net, data, [WeightQuantisation(bits=4)], epochs=1, validation_fraction=0.0)
    >>> found.network.provenance["fine_tuning"]["perturbations"]
    ["WeightQuantisation(bits=4, per='tensor')"]
    """
    looped = InTheLoop(learning_rule(rule), tuple(perturbations), seed, threads)
    twin = to_torch(network, spike_function=spike_function, dtype=dtype)
    training = train(
        twin, data, looped, seed=seed, options=options, checkpoint=checkpoint, **changes
    )
    done = {**looped.to_dict(), "seed": seed, "best_epoch": training.best_epoch}
    return FineTuned(write_back(twin, fine_tuning=done), training)
