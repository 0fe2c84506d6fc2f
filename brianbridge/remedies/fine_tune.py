"""Fine-tune a network with Brian2 in the loop: Brian2 runs forward, the twin backward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from brianbridge.datasets import Dataset
from brianbridge.datasets.fit import fitted
from brianbridge.errors import InputError
from brianbridge.ladder.remedy import Remedy
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation
from brianbridge.remedies.in_the_loop import InTheLoop
from brianbridge.rules.base import LearningRule, learning_rule
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training.options import TrainingOptions
from brianbridge.training.trainer import TrainingResult, train
from brianbridge.twin.network import to_torch
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["FineTune", "FineTuned", "fine_tune"]

_LARGEST_RATE = 1e6


@dataclass(frozen=True)
class FineTune(Remedy):
    """Continue the training with Brian2 in the loop; see `fine_tune`.

    Parameters
    ----------
    start : {"trained", "calibrated"}
        Whether to start from the trained network, or from the one that `calibrate` changed.
    samples : int
        Largest number of training samples that are used.
    epochs, batch_size, learning_rate
        Options of the training.
    """

    name = "fine_tune"
    outcome = "fine_tuned"

    start: Literal["trained", "calibrated"] = "trained"
    samples: int = 4000
    epochs: int = 3
    batch_size: int = 100
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        if self.start not in ("trained", "calibrated"):
            raise InputError(
                f"remedy 'fine_tune': start = {self.start!r}; give 'trained' or 'calibrated'"
            )
        for option in ("samples", "epochs", "batch_size"):
            if getattr(self, option) < 1:
                raise InputError(
                    f"remedy 'fine_tune': {option} = {getattr(self, option)}; give at least 1"
                )
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        if not 0 < self.learning_rate <= _LARGEST_RATE:
            raise InputError(
                f"remedy 'fine_tune': learning_rate = {self.learning_rate:g}; give a number above "
                f"0 and at most {_LARGEST_RATE:g}"
            )

    @property
    def starts_from(self) -> str | None:
        """``calibrate`` if the training starts from the calibrated network."""
        return "calibrate" if self.start == "calibrated" else None

    def check(
        self,
        network: SpikingNetwork,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
    ) -> None:
        """Check the data, and that the network's rule can learn in the loop."""
        InTheLoop(_rule_of(network), perturbations, seed).check(network)
        fitted(network, train)

    def apply(
        self,
        network: SpikingNetwork,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
        checkpoint: Path | None = None,
    ) -> SpikingNetwork:
        """Return the fine-tuned network."""
        chosen = np.random.default_rng(seed).permutation(len(train))[: self.samples]
        return fine_tune(
            network, train.subset(np.sort(chosen)), perturbations, _rule_of(network),
            seed=seed, schedule="cosine", validation_fraction=0.0, checkpoint=checkpoint,
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate,
        ).network  # fmt: skip


def _rule_of(network: SpikingNetwork) -> LearningRule:
    """Return the rule that a network was trained with."""
    entry = network.provenance.get("rule", {})
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise InputError(
            "to fine-tune a network its learning rule must be known, but its provenance has no "
            "'rule'; train it with brianbridge, or call brianbridge.fine_tune with a rule"
        )
    options = {key: value for key, value in entry.items() if key != "name"}
    return learning_rule(entry["name"], **options)


@dataclass(frozen=True)
class FineTuned:
    """Hold the outcome of a fine-tuning.

    Parameters
    ----------
    network : SpikingNetwork
        The network with its new weights, without perturbations. Apply them again to verify it.
    training : TrainingResult
        The training curve. Losses and accuracies are those of Brian2 under the perturbations.
    """

    network: SpikingNetwork
    training: TrainingResult


def fine_tune(
    network: SpikingNetwork,
    data: Any,
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
    """Continue to train a network under perturbations: Brian2 runs forward, the twin backward.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    data : Dataset, pair of arrays, torch Dataset or torch DataLoader
        The training samples.
    perturbations : iterable of Perturbation
        Perturbations of the simulation in Brian2.
    rule : str or LearningRule
        The learning rule; one that can learn from given spikes.
    options : TrainingOptions, optional
        Options of the training. A good learning rate is a tenth of that of the first training.
    seed : int
        Seed of the perturbations (the device) and of the training.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike; by default that of `to_torch`.
    dtype : torch.dtype, optional
        Floating point type of the twin.
    threads : int, optional
        Threads of the simulation; one for each core if None, which pays off for large batches of
        large networks.
    checkpoint : str or Path, optional
        As in `train`.
    **changes
        Single training options, such as ``epochs=3``.

    Returns
    -------
    FineTuned

    Raises
    ------
    InputError
        Before any work, if the rule cannot use Brian2's spikes, or if perturbations or data do not
        fit the network.

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
    # A verification by one of several processes may fine-tune, while the others wait for it.
    training = train(
        twin, data, looped, seed=seed, options=options, checkpoint=checkpoint, together=False,
        **changes,
    )  # fmt: skip
    done = {**looped.to_dict(), "seed": seed, "best_epoch": training.best_epoch}
    # The rule of the network stays the one of its first training.
    first = network.provenance.get("rule", looped.rule.to_dict())
    return FineTuned(write_back(twin, rule=first, fine_tuning=done), training)
