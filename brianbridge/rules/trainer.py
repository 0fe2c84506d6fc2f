"""Train a twin: seeds, validation split, early stop, checkpoints.

All randomness of epoch e comes from ``(seed, e)``, so that a run which was killed and resumed at
an epoch's end gives the same weights as one that was not.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..datasets import Dataset, train_validation
from ..errors import InputError, did_you_mean
from ..network import SpikingNetwork
from ..surrogate.network import SurrogateNetwork
from .base import LearningRule, learning_rule
from .checkpoint import read_checkpoint, write_checkpoint

__all__ = ["TrainingOptions", "TrainingResult", "check_fit", "train"]


@dataclass(frozen=True)
class TrainingOptions:
    """Hold how long and how fast to train.

    Parameters
    ----------
    epochs : int
        Passes over the training samples, at most.
    batch_size : int
        Samples between two steps of the optimiser.
    learning_rate : float
        Of AdamW, at the start.
    weight_decay : float
        Of AdamW.
    schedule : {"constant", "cosine"}
        Whether the learning rate falls to 0 along a cosine over all epochs.
    validation_fraction : float
        Share of the training samples that is held out to choose the best epoch; 0 for none,
        and then the last epoch is kept.
    patience : int
        Stop after this many epochs without a better validation accuracy; 0 for never.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    validation_fraction: float = 0.1
    patience: int = 0

    def __post_init__(self) -> None:
        for name, value, good in (
            ("epochs", self.epochs, self.epochs >= 1),
            ("batch_size", self.batch_size, self.batch_size >= 1),
            ("learning_rate", self.learning_rate, self.learning_rate > 0),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0),
            ("schedule", self.schedule, self.schedule in ("constant", "cosine")),
            ("validation_fraction", self.validation_fraction, 0 <= self.validation_fraction < 1),
            ("patience", self.patience, self.patience >= 0),
        ):
            if not good:
                raise InputError(f"training: {name} = {value!r} is out of range")


@dataclass(frozen=True)
class TrainingResult:
    """Hold the outcome of a training; the twin itself has the best weights.

    Parameters
    ----------
    curve : dict of str to list of float
        One value an epoch: ``train_loss``, ``train_accuracy``, ``validation_loss``,
        ``validation_accuracy``.
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    """

    curve: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0


def train(
    twin: SurrogateNetwork,
    data: Dataset,
    rule: str | LearningRule = "spike_count",
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    options: TrainingOptions | None = None,
    **changes: Any,
) -> TrainingResult:
    """Train a twin on data, and leave it with its best weights.

    Parameters
    ----------
    twin : SurrogateNetwork
        The twin; its weights change.
    data : Dataset
        The training samples; the validation samples are taken from them.
    rule : str or LearningRule
        How it learns.
    seed : int
        Seed of the order of samples, of their encoding and of the validation split.
    checkpoint : Path, optional
        File to write after every epoch, and to resume from if it exists.
    options : TrainingOptions, optional
        How long and how fast.
    **changes
        Single options (``epochs=10``).

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If data and network do not fit, or an option is unknown or out of range.
    """
    known = {f.name for f in fields(TrainingOptions)}
    for name in changes:
        if name not in known:
            raise InputError(f"training has no option '{name}'. {did_you_mean(name, known)}")
    chosen = TrainingOptions(**{**asdict(options or TrainingOptions()), **changes})
    return _Trainer(twin, data, learning_rule(rule), seed, chosen).run(checkpoint)


def check_fit(network: SpikingNetwork, data: Dataset) -> None:
    """Refuse data whose samples or classes the network has no room for."""
    if data.shape != tuple(network.input_shape):
        raise InputError(
            f"data set '{data.name}' has samples of shape {data.shape}; the network takes "
            f"{tuple(network.input_shape)}"
        )
    outputs = network.output.size
    if len(data.classes) > outputs:
        raise InputError(
            f"data set '{data.name}' has {len(data.classes)} classes; the network has only "
            f"{outputs} outputs"
        )


class _Trainer:
    """Hold the state of one training."""

    def __init__(
        self,
        twin: SurrogateNetwork,
        data: Dataset,
        rule: LearningRule,
        seed: int,
        options: TrainingOptions,
    ) -> None:
        rule.check(twin.network)
        check_fit(twin.network, data)
        self.twin, self.rule, self.seed, self.options = twin, rule, seed, options
        self.fingerprint = self._fingerprint(data)
        self.train_data = data
        self.validation: Dataset | None = None
        if options.validation_fraction > 0:
            self.train_data, self.validation = train_validation(
                data, options.validation_fraction, seed
            )
        self.optimizer = torch.optim.AdamW(
            twin.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.epoch = 0
        self.curve: dict[str, list[float]] = {}
        self.best_epoch, self.best_score = 0, -1.0
        self.best = self._weights()

    def _fingerprint(self, data: Dataset) -> str:
        """Identify everything that decides the outcome."""
        description = json.dumps(
            [
                self.twin.network.to_dict(), str(self.twin.spike_function), self.rule.to_dict(),
                asdict(self.options), self.seed, data.sha256, data.split, len(data),
            ],
            sort_keys=True,
        )  # fmt: skip
        digest = hashlib.sha256(description.encode())
        for parameter in self.twin.parameters():
            digest.update(parameter.detach().cpu().numpy().tobytes())
        return digest.hexdigest()

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self.twin.state_dict().items()}

    # ------------------------------------------------------------------ the loop

    def run(self, checkpoint: Path | None) -> TrainingResult:
        """Train until done, resuming from and writing to `checkpoint`."""
        if checkpoint is not None:
            state = read_checkpoint(checkpoint, self.fingerprint)
            if state is not None:
                self._restore(state)
        progress = tqdm(
            total=self.options.epochs, initial=self.epoch, unit="epoch", disable=None, leave=False
        )
        with progress:
            while self.epoch < self.options.epochs and not self._stalled():
                self._one_epoch()
                if checkpoint is not None:
                    write_checkpoint(checkpoint, self._state())
                progress.update()
                progress.set_postfix({k: f"{v[-1]:.3f}" for k, v in self.curve.items()})
        self.twin.load_state_dict(self.best)
        return TrainingResult(self.curve, self.best_epoch)

    def _stalled(self) -> bool:
        patience = self.options.patience
        return 0 < patience <= self.epoch - self.best_epoch

    def _one_epoch(self) -> None:
        options = self.options
        rate = options.learning_rate
        if options.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * self.epoch / options.epochs))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.train_data))
        devices = [p.device for p in self.twin.parameters() if p.device.type == "cuda"]
        self.twin.train()
        losses, hits = 0.0, 0
        with torch.random.fork_rng(devices=devices[:1]):
            # Whatever draws from torch's generator depends on seed and epoch alone.
            torch.manual_seed(hash((self.seed, self.epoch)) % 2**63)
            for inputs, labels in self._batches(self.train_data, order, stream=self.epoch + 1):
                output = self.rule.output(self.twin, *inputs)
                loss = self.rule.loss(output, labels)
                if not torch.isfinite(loss):
                    raise InputError(
                        f"training diverged: the loss became {loss.item()} in epoch "
                        f"{self.epoch + 1}; lower the learning rate ({options.learning_rate:g})"
                    )
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses += loss.item() * len(labels)
                hits += int((output.argmax(1) == labels).sum())
        self._note("train", losses, hits, len(self.train_data))
        if self.validation is not None:
            self._note("validation", *self._evaluate(self.validation), len(self.validation))
        self.epoch += 1
        score = self.curve["validation_accuracy"][-1] if self.validation is not None else self.epoch
        if score >= self.best_score:  # of equals the later, which has settled further
            self.best_score, self.best_epoch, self.best = score, self.epoch, self._weights()

    def _evaluate(self, data: Dataset) -> tuple[float, int]:
        """Return summed loss and hits of the network as it will be deployed."""
        self.twin.eval()
        losses, hits = 0.0, 0
        with torch.no_grad():
            for inputs, labels in self._batches(data, np.arange(len(data)), stream=0):
                output = self.twin.run(*inputs).output
                losses += self.rule.loss(output, labels).item() * len(labels)
                hits += int((output.argmax(1) == labels).sum())
        return losses, hits

    def _batches(
        self, data: Dataset, order: np.ndarray, stream: int
    ) -> Iterator[tuple[tuple[Tensor | None, Tensor | None], Tensor]]:
        device = next(self.twin.parameters()).device
        size = self.options.batch_size if stream else max(self.options.batch_size, 500)
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            inputs = self.twin.encode(data.x[chosen], chosen, stream)
            yield inputs, torch.as_tensor(data.y[chosen], device=device)

    def _note(self, part: str, losses: float, hits: int, samples: int) -> None:
        self.curve.setdefault(f"{part}_loss", []).append(losses / samples)
        self.curve.setdefault(f"{part}_accuracy", []).append(hits / samples)

    # ------------------------------------------------------------------ checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint, "epoch": self.epoch, "curve": self.curve,
            "best_epoch": self.best_epoch, "best_score": float(self.best_score),
            "best": self.best, "weights": self.twin.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.curve = state["epoch"], state["curve"]
        self.best_epoch, self.best_score = state["best_epoch"], state["best_score"]
        self.best = state["best"]
        self.twin.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
