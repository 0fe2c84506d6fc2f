"""The loop over epochs: steps, validation, early stopping and checkpoints.

All random numbers of epoch e depend on ``(seed, e)`` only. A run that was killed and resumed at the
end of an epoch thus gives the same weights as an uninterrupted one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from brianbridge.datasets import Dataset, train_validation
from brianbridge.datasets.fit import CLASSES, fitted
from brianbridge.errors import InputError
from brianbridge.rules.base import LearningRule, Response
from brianbridge.training.average import moving_average
from brianbridge.training.batches import batches
from brianbridge.training.checkpoint import read_checkpoint, write_checkpoint
from brianbridge.training.determinism import seeded
from brianbridge.training.fingerprint import fingerprint_of
from brianbridge.training.history import History, TrainingResult
from brianbridge.training.natural_units import check_scales, natural_units
from brianbridge.training.no_gradient import warn_of_no_gradient
from brianbridge.training.options import TrainingOptions
from brianbridge.twin.network import NetworkTwin

__all__ = ["Trainer"]

#: Separates the random numbers of the samples that a rule sees before training.
_FIRST = 0xB16
#: Number of these samples.
_BEGIN = 256
#: Separates the random numbers that neurons draw in evaluation from those in training.
_EVALUATION = 0xE7A


class Trainer:
    """Hold the state of one training run. The arguments are those of `brianbridge.train`."""

    def __init__(
        self,
        twin: NetworkTwin,
        data: Any,
        rule: LearningRule,
        seed: int,
        options: TrainingOptions,
    ) -> None:
        rule.check(twin.network)
        rule.check_learn(twin.learn)
        check_scales(twin.network)
        data = fitted(twin.network, data)
        if seed < 0:
            raise InputError(f"training: seed = {seed}; give 0 or more")
        if not any(values.requires_grad for values in twin.parameters()):
            raise InputError(
                "training: all projections are frozen, so there is nothing to train; unfreeze one, "
                "or let to_torch learn neuron parameters"
            )
        options.augmentation.check(data.shape)
        rate = options.spike_rate
        self.constrained = () if rate is None else tuple(rate.rates(twin.network))
        rule.prepare(twin)
        if options.channels_last:
            twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.twin, self.rule, self.seed, self.options = twin, rule, seed, options
        self.fingerprint = fingerprint_of(twin, data, rule, seed, options)
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
        self.history = History(self._weights())

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self._kept.state_dict().items()}

    @property
    def _kept(self) -> NetworkTwin:
        """The twin that is evaluated and kept: the average, if there is one."""
        average = self.average
        return self.twin if average is None else cast(NetworkTwin, average.module)

    # ------------------------------------------------------------------ the loop

    def run(self, checkpoint: Path | None) -> TrainingResult:
        """Train to the end, resuming from and writing to `checkpoint`."""
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
                progress.set_postfix({k: f"{v[-1]:.3f}" for k, v in self.history.curve.items()})
        self.twin.load_state_dict(self.history.best)
        self.twin.eval()
        # Rule, and class names of the outputs, which `write_back` passes on.
        rule = self.rule.to_dict()
        known = {CLASSES: self.classes, "rule": rule}
        self.twin.network = self.twin.network.with_weights({}, **known)
        return TrainingResult(self.history.curve, self.history.best_epoch, rule)

    def _begin(self) -> None:
        """Let the rule set initial weights from some training samples, the same in every run."""
        if type(self.rule).before_training is LearningRule.before_training:
            return
        order = np.random.default_rng((self.seed, _FIRST)).permutation(len(self.train_data))
        self.twin.eval()
        first = order[:_BEGIN]
        with seeded(self.twin.device, self.seed, _FIRST):
            for inputs, _ in batches(
                self.twin, self.train_data, first, self.options, self.seed, stream=0
            ):
                self.rule.before_training(self.twin, *inputs)
                self.twin.keep_bounds()
        if self.average is not None:
            self.average.module.load_state_dict(self.twin.state_dict())
        self.history.best = self._weights()

    def _stalled(self) -> bool:
        patience = self.options.patience
        return 0 < patience <= self.epoch - self.history.improved_epoch

    def _one_epoch(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate_in(self.epoch)
        self.twin.train()
        # All random numbers from torch's generator depend on seed and epoch alone.
        with seeded(self.twin.device, self.seed, self.epoch):
            losses, hits, metrics = self._train_on_all()
            # The loss may not show NaN: a potential that is NaN never crosses a threshold.
            for name, values in self.twin.named_parameters():
                if not torch.isfinite(values).all():
                    raise self._diverged(f"'{name}' became infinite or NaN")
            if self.epoch == 0:
                warn_of_no_gradient(self.twin)
            if self.epoch + 1 < self.options.epochs:
                self.rule.after_epoch(self.twin)
        history = self.history
        history.add_part("train", losses, hits, len(self.train_data))
        for name, value in metrics.items():
            history.add(name, value)
        score = float(self.epoch + 1)  # without validation samples the last epoch is kept
        if self.validation is not None:
            history.add_part("validation", *self._evaluate(self.validation), len(self.validation))
            score = history.curve["validation_accuracy"][-1]
        self.epoch += 1
        history.finish(self.epoch, score, self._weights())

    def _train_on_all(self) -> tuple[float, int, dict[str, float]]:
        """Take a step on every batch; return summed loss, hits and mean metrics of the rule."""
        losses, hits = 0.0, 0
        metrics: dict[str, float] = {}
        samples = len(self.train_data)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(samples)
        for inputs, labels in batches(
            self.twin, self.train_data, order, self.options, self.seed, stream=self.epoch + 1
        ):
            response, loss = self._loss(inputs, labels)
            if not torch.isfinite(loss):
                raise self._diverged(f"the loss became {loss.item()}")
            self._step(loss)
            losses += loss.item() * len(labels)
            hits += int((response.output.argmax(1) == labels).sum())
            for name, value in response.metrics.items():
                metrics[name] = metrics.get(name, 0.0) + value * len(labels) / samples
        return losses, hits, metrics

    def _step(self, loss: Tensor) -> None:
        """Take a step of the optimiser."""
        self.optimizer.zero_grad()
        loss.backward()
        with natural_units(self.twin):
            if self.options.gradient_clip:
                torch.nn.utils.clip_grad_norm_(self.twin.parameters(), self.options.gradient_clip)
            self.optimizer.step()
        self.rule.after_step(self.twin)
        self.twin.keep_bounds()
        if self.average is not None:
            self.average.update_parameters(self.twin)

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
        """Return response and loss of an encoded batch, ready for the backward pass."""
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
        every = np.arange(len(data))
        with torch.no_grad(), seeded(twin.device, self.seed, self.epoch, _EVALUATION):
            for inputs, labels in batches(
                self.twin, data, every, self.options, self.seed, stream=0
            ):
                output = self.rule.predict(twin, *inputs)
                loss_input = self.rule.loss_input(twin, output)
                losses += self.rule.loss(loss_input, labels).item() * len(labels)
                hits += int((output.argmax(1) == labels).sum())
        return losses, hits

    # ------------------------------------------------------------------ checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint, "epoch": self.epoch, **self.history.state(),
            "weights": self.twin.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.history.restore(state)
        self.twin.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
