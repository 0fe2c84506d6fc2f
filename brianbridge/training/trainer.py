"""Train a twin: seeds, validation split, moving average, early stop, checkpoints.

All randomness of epoch e comes from ``(seed, e)``, so that a run which was killed and resumed at
an epoch's end gives the same weights as one that was not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from brianbridge.arrays import as_array
from brianbridge.datasets import Dataset, train_validation
from brianbridge.datasets.fit import CLASSES, fitted
from brianbridge.errors import InputError, did_you_mean
from brianbridge.rules.base import LearningRule, Response, learning_rule
from brianbridge.training.checkpoint import read_checkpoint, write_checkpoint
from brianbridge.training.determinism import one_thread, seeded
from brianbridge.training.options import TrainingOptions
from brianbridge.twin.network import NetworkTwin

__all__ = ["TrainingResult", "train"]

#: Leads to the random numbers of the augmentation, apart from those of the order of samples.
_AUGMENTATION = 0xA06
#: The same of the samples that a rule looks at before training, and how many these are.
_FIRST, _BEGIN = 0xB16, 256
#: The same of neurons that draw random numbers, where the validation samples are looked at.
_EVALUATION = 0xE7A


@dataclass(frozen=True)
class TrainingResult:
    """Hold the outcome of a training; the twin itself has the best weights.

    Parameters
    ----------
    curve : dict of str to list of float
        One value an epoch: ``train_loss``, ``train_accuracy``, ``validation_loss``,
        ``validation_accuracy``, and the metrics of the rule.
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    """

    curve: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0


def train(
    twin: NetworkTwin,
    data: Dataset,
    rule: str | LearningRule = "spike_count",
    *,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    options: TrainingOptions | None = None,
    **changes: Any,
) -> TrainingResult:
    """Train a twin on data, and leave it with its best weights, in evaluation mode.

    Parameters
    ----------
    twin : NetworkTwin
        The twin; its weights change.
    data : Dataset
        The training samples; the validation samples are taken from them.
    rule : str or LearningRule
        How it learns.
    seed : int
        Seed of the order of samples, of their encoding and of the validation split.
    checkpoint : str or Path, optional
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
    chosen = replace(options or TrainingOptions(), **changes)
    file = None if checkpoint is None else Path(checkpoint)
    with one_thread(chosen.deterministic):
        return _Trainer(twin, data, learning_rule(rule), seed, chosen).run(file)


def moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """Return what moves averages on by a step, faster at first: by ``(1 + n)/(10 + n)``.

    Without that the average would hold on to the initial weights for ``1/(1 - decay)`` steps.
    """

    @torch.no_grad()
    def move(averages: Any, values: Any, number: Any) -> None:
        if not averages[0].is_floating_point():
            return  # numbers of neurons and the like, which stay what they are
        weight = 1 - min(decay, (1 + float(number)) / (10 + float(number)))
        torch._foreach_lerp_(averages, values, weight)

    return move


class _Trainer:
    """Hold the state of one training."""

    def __init__(
        self,
        twin: NetworkTwin,
        data: Dataset,
        rule: LearningRule,
        seed: int,
        options: TrainingOptions,
    ) -> None:
        rule.check(twin.network)
        data = fitted(twin.network, data)
        if seed < 0:
            raise InputError(f"training: seed = {seed}; give 0 or more")
        if not any(values.requires_grad for values in twin.parameters()):
            raise InputError(
                "training: all projections are frozen, so that there is nothing to train; "
                "unfreeze one"
            )
        options.augmentation.check(data.shape)
        rate = options.spike_rate
        self.constrained = () if rate is None else tuple(rate.rates(twin.network))
        rule.prepare(twin)
        if options.channels_last:
            twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.twin, self.rule, self.seed, self.options = twin, rule, seed, options
        self.fingerprint = self._fingerprint(data)
        self.train_data, self.classes = data, list(data.classes)
        self.validation: Dataset | None = None
        if options.validation_fraction > 0:
            self.train_data, self.validation = train_validation(
                data, options.validation_fraction, seed
            )
        self.optimizer = options.make_optimizer(twin.parameters())
        self.average: AveragedModel | None = None
        if options.ema:
            average = moving_average(options.ema)
            self.average = AveragedModel(twin, multi_avg_fn=average, use_buffers=True)
        self.epoch = 0
        self.curve: dict[str, list[float]] = {}
        self.best_epoch, self.best_score, self.improved_epoch = 0, -1.0, 0
        self.best = self._weights()

    def _fingerprint(self, data: Dataset) -> str:
        """Identify everything that decides the outcome."""
        description = json.dumps(
            [
                self.twin.network.to_dict(), str(self.twin.spike_function), self.rule.to_dict(),
                str(self.options), self.seed, data.sha256, data.split, len(data), data.classes,
                self.twin.dropout, str(self.twin.quantisation),
            ],
            sort_keys=True,
        )  # fmt: skip
        digest = hashlib.sha256(description.encode())
        frozen = [
            (f"projections.{p.name}.{part}", getattr(self.twin.projection(p.name), part))
            for p in self.twin.network.projections
            for part in ("weight", "bias")
            if p.frozen
        ]
        for name, values in [*self.twin.named_parameters(), *frozen]:
            if values is not None:
                digest.update(name.encode() + as_array(values, name).tobytes())
        for projection in self.twin.network.projections:
            for name, array in projection.connection.arrays().items():
                digest.update(f"{projection.name}.{name}".encode() + np.asarray(array).tobytes())
        return digest.hexdigest()

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self._kept.state_dict().items()}

    @property
    def _kept(self) -> NetworkTwin:
        """The twin that is evaluated and kept: the average, where there is one."""
        average = self.average
        return self.twin if average is None else cast(NetworkTwin, average.module)

    # ------------------------------------------------------------------ the loop

    def run(self, checkpoint: Path | None) -> TrainingResult:
        """Train until done, resuming from and writing to `checkpoint`."""
        state = None if checkpoint is None else read_checkpoint(checkpoint, self.fingerprint)
        if state is None:
            self._begin()
        else:
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
        self.twin.eval()
        # What the outputs now mean; `write_back` hands it on.
        self.twin.network = self.twin.network.with_weights({}, **{CLASSES: self.classes})
        return TrainingResult(self.curve, self.best_epoch)

    def _begin(self) -> None:
        """Let the rule set initial weights by some training samples, the same for every run."""
        if type(self.rule).before_training is LearningRule.before_training:
            return
        order = np.random.default_rng((self.seed, _FIRST)).permutation(len(self.train_data))
        self.twin.eval()
        with seeded(self.twin.device, self.seed, _FIRST):
            for inputs, _ in self._batches(self.train_data, order[:_BEGIN], stream=0):
                self.rule.before_training(self.twin, *inputs)
        if self.average is not None:
            self.average.module.load_state_dict(self.twin.state_dict())
        self.best = self._weights()

    def _stalled(self) -> bool:
        patience = self.options.patience
        return 0 < patience <= self.epoch - self.improved_epoch

    def _one_epoch(self) -> None:
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"] = options.rate_in(self.epoch)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.train_data))
        self.twin.train()
        losses, hits = 0.0, 0
        told: dict[str, float] = {}
        # Whatever draws from torch's generator depends on seed and epoch alone.
        with seeded(self.twin.device, self.seed, self.epoch):
            for inputs, labels in self._batches(self.train_data, order, stream=self.epoch + 1):
                response, loss = self._loss(inputs, labels)
                if not torch.isfinite(loss):
                    raise self._diverged(f"the loss became {loss.item()}")
                self.optimizer.zero_grad()
                loss.backward()
                if options.gradient_clip:
                    torch.nn.utils.clip_grad_norm_(self.twin.parameters(), options.gradient_clip)
                self.optimizer.step()
                self.rule.after_step(self.twin)
                if self.average is not None:
                    self.average.update_parameters(self.twin)
                losses += loss.item() * len(labels)
                hits += int((response.output.argmax(1) == labels).sum())
                for name, value in response.metrics.items():
                    told[name] = told.get(name, 0.0) + value * len(labels) / len(self.train_data)
            # The loss need not tell: a potential that is no number never crosses a threshold.
            for name, values in self.twin.named_parameters():
                if not torch.isfinite(values).all():
                    raise self._diverged(f"'{name}' became infinite or no number")
            if self.epoch + 1 < options.epochs:
                self.rule.after_epoch(self.twin)
        self._note("train", losses, hits, len(self.train_data))
        for name, value in told.items():
            self.curve.setdefault(name, []).append(value)
        if self.validation is not None:
            self._note("validation", *self._evaluate(self.validation), len(self.validation))
        self.epoch += 1
        score = self.curve["validation_accuracy"][-1] if self.validation is not None else self.epoch
        if score > self.best_score:
            self.improved_epoch = self.epoch
        if score >= self.best_score:  # of equals the later, which has settled further
            self.best_score, self.best_epoch, self.best = score, self.epoch, self._weights()

    def _diverged(self, how: str) -> InputError:
        options = self.options
        return InputError(
            f"training diverged: {how} in epoch {self.epoch + 1}; lower the learning rate "
            f"({options.learning_rate:g})"
            + (f" or weight_decay ({options.weight_decay:g})" if options.weight_decay else "")
        )

    def _loss(
        self, inputs: tuple[Tensor | None, Tensor | None], labels: Tensor
    ) -> tuple[Response, Tensor]:
        """Return response and loss of an encoded batch, ready for backward."""
        options = self.options
        kind = self.twin.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=options.autocast == "bfloat16"):
            response = self.rule.respond(self.twin, *inputs)
            given = response.loss_input
            loss = self.rule.loss(response.output if given is None else given, labels)
        if options.spike_rate is not None:
            counts = {name: response.spike_counts(name) for name in self.constrained}
            loss = loss + options.spike_rate.penalty(counts, self.twin.network.steps)
        return response, loss

    def _evaluate(self, data: Dataset) -> tuple[float, int]:
        """Return summed loss and hits of the network as it will be deployed."""
        twin = self._kept
        twin.eval()
        losses, hits = 0.0, 0
        with torch.no_grad(), seeded(twin.device, self.seed, self.epoch, _EVALUATION):
            for inputs, labels in self._batches(data, np.arange(len(data)), stream=0):
                output = self.rule.predict(twin, *inputs)
                loss_input = self.rule.loss_input(twin, output)
                losses += self.rule.loss(loss_input, labels).item() * len(labels)
                hits += int((output.argmax(1) == labels).sum())
        return losses, hits

    def _batches(
        self, data: Dataset, order: np.ndarray, stream: int
    ) -> Iterator[tuple[tuple[Tensor | None, Tensor | None], Tensor]]:
        random = np.random.default_rng((self.seed, stream, _AUGMENTATION))
        size = self.options.batch_size if stream else max(self.options.batch_size, 500)
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            x = data.x[chosen]
            # Stream 0 is that of evaluation.
            x = self.options.augmentation(x, random) if stream else x
            inputs = self.twin.encode(x, chosen, stream)
            yield inputs, torch.as_tensor(data.y[chosen], device=self.twin.device)

    def _note(self, part: str, losses: float, hits: int, samples: int) -> None:
        self.curve.setdefault(f"{part}_loss", []).append(losses / samples)
        self.curve.setdefault(f"{part}_accuracy", []).append(hits / samples)

    # ------------------------------------------------------------------ checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint, "epoch": self.epoch, "curve": self.curve,
            "best_epoch": self.best_epoch, "best_score": float(self.best_score),
            "improved_epoch": self.improved_epoch, "best": self.best,
            "weights": self.twin.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.curve = state["epoch"], state["curve"]
        self.best_epoch, self.best_score = state["best_epoch"], state["best_score"]
        self.improved_epoch, self.best = state["improved_epoch"], state["best"]
        self.twin.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
