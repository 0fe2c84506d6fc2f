"""The loop over epochs: steps, validation, early stopping and checkpoints.

All random numbers of epoch e depend on ``(seed, e)`` only. A run that was killed and resumed at the
end of an epoch thus gives the same weights as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from brianbridge.datasets import Dataset, train_validation
from brianbridge.datasets.fit import CLASSES, fitted
from brianbridge.errors import InputError
from brianbridge.progress import Counter, Progress
from brianbridge.rules.base import LearningRule, Response
from brianbridge.training.average import moving_average
from brianbridge.training.average_gradients import average_gradients
from brianbridge.training.batches import Batch, batches
from brianbridge.training.checkpoint import checkpoint_from, file_content, write_checkpoint
from brianbridge.training.determinism import seeded
from brianbridge.training.fingerprint import fingerprint_of
from brianbridge.training.history import History, OnEpoch, TrainingResult
from brianbridge.training.natural_units import check_scales, natural_units
from brianbridge.training.no_gradient import warn_of_no_gradient
from brianbridge.training.options import TrainingOptions
from brianbridge.training.perturbed import ByCondition, PerturbedTwins, Under
from brianbridge.training.processes import ONE, Processes
from brianbridge.training.trainable import check_trainable
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
        processes: Processes = ONE,
        under: Under | None = None,
    ) -> None:
        rule.check(twin.network)
        rule.check_learn(twin.learn)
        if options.recompute:
            rule.check_recompute(twin)
        check_scales(twin.network)
        data = fitted(twin.network, data)
        if seed < 0:
            raise InputError(f"training: seed = {seed}; give 0 or more")
        check_trainable(twin)
        options.augmentation.check(data.shape)
        rate = options.spike_rate
        self.constrained = () if rate is None else tuple(rate.rates(twin.network))
        rule.prepare(twin)
        if options.channels_last:
            twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.twin, self.rule, self.seed, self.options = twin, rule, seed, options
        self.perturbed = None if under is None else PerturbedTwins(under, twin, rule, seed)
        self.fingerprint = fingerprint_of(twin, data, rule, seed, options, under)
        self.processes = processes
        processes.check_same(self.fingerprint, options.batch_size)
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
        self._step_done: Counter = Counter(0)
        self.history = History(self._weights())

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self._kept.state_dict().items()}

    @property
    def _kept(self) -> NetworkTwin:
        """The twin that is evaluated and kept: the average, if there is one."""
        average = self.average
        return self.twin if average is None else cast(NetworkTwin, average.module)

    # ------------------------------------------------------------------ the loop

    def run(self, checkpoint: Path | None, on_epoch: OnEpoch | None = None) -> TrainingResult:
        """Train to the end, resuming from and writing to `checkpoint`."""
        file = checkpoint if self.processes.first else None
        content = self.processes.from_first(lambda: file_content(checkpoint))
        if content is None:
            self._begin()
        else:
            self._restore(checkpoint_from(content, checkpoint or Path(), self.fingerprint))
        each = -(-len(self.train_data) // self.options.batch_size)
        progress = Progress(shown=self.processes.first).count(
            "training", self.options.epochs * each, "batches", done=self.epoch * each
        )
        with progress as self._step_done:
            while self.epoch < self.options.epochs and not self._stalled():
                self._one_epoch()
                if file is not None:
                    write_checkpoint(file, self._state())
                if on_epoch is not None:
                    on_epoch(self.history.curve)
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
            for batch in batches(
                self.twin, self.train_data, first, self.options, self.seed, stream=0
            ):
                self.rule.before_training(self.twin, *batch.inputs)
                self.twin.keep_bounds()
        self.processes.copy_first(self.twin)
        if self.average is not None:
            self.average.module.load_state_dict(self.twin.state_dict())
        self.history.best = self._weights()

    def _latest(self) -> str:
        """Return the epoch, and the accuracy of the one before."""
        curve = self.history.curve
        found = (f"{k.replace('_', ' ')} {v[-1]:.3f}" for k, v in curve.items() if "accuracy" in k)
        return ", ".join([f"epoch {self.epoch + 1} of {self.options.epochs}", *found])

    def _stalled(self) -> bool:
        patience = self.options.patience
        return 0 < patience <= self.epoch - self.history.improved_epoch

    def _one_epoch(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate_in(self.epoch)
        self.twin.train()
        # All random numbers from torch's generator depend on seed and epoch alone.
        with seeded(self.twin.device, self.seed, self.epoch):
            total, hits, metrics = self._train_on_all()
            losses = total.item()
            if not np.isfinite(losses):
                raise self._diverged(f"the loss became {losses}")
            # The loss may not show NaN: a potential that is NaN never crosses a threshold.
            for name, values in self.twin.named_parameters():
                if not torch.isfinite(values).all():
                    raise self._diverged(f"'{name}' became infinite or NaN")
            if self.epoch == 0 and self.processes.first:
                warn_of_no_gradient(self.twin)
            if self.epoch + 1 < self.options.epochs:
                self.rule.after_epoch(self.twin)
        history = self.history
        history.add_part("train", losses, hits, len(self.train_data))
        for name, value in metrics.items():
            history.add(name, value)
        score = float(self.epoch + 1)  # without validation samples the last epoch is kept
        if self.validation is not None:
            score = self._validate(self.validation)
        self.epoch += 1
        history.finish(self.epoch, score, self._weights())

    def _validate(self, data: Dataset) -> float:
        """Evaluate on the validation samples, on every rung, too; return the score of the epoch."""
        history, samples = self.history, len(data)
        history.add_part("validation", *self._evaluate(self._kept, data), samples)
        score = history.curve["validation_accuracy"][-1]
        if self.perturbed is None:
            return score
        clean = self.perturbed.under.clean
        score *= clean
        for name, probability, twin in self.perturbed.evaluated(self._kept):
            accuracy = self._evaluate(twin, data)[1] / samples  # hits of all processes
            history.add(f"validation_accuracy, {name}", accuracy)
            score += (1 - clean) * probability * accuracy
        return score

    def _train_on_all(self) -> tuple[Tensor, int, dict[str, float]]:
        """Take a step on every batch; return summed loss, hits and mean metrics of the rule.

        Loss and hits are tensors until then, so that nothing waits for a GPU before the end.
        """
        losses = torch.zeros((), dtype=torch.float64, device=self.twin.device)
        hits = torch.zeros((), dtype=torch.int64, device=self.twin.device)
        metrics: dict[str, float] = {}
        samples = len(self.train_data)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(samples)
        twins = None if self.perturbed is None else self.perturbed.twins_of(self.epoch)
        by_condition, latest = ByCondition(), self._latest()
        for batch in self._batches(self.twin, self.train_data, order, self.epoch + 1, twins):
            response, loss = self._learn(batch)
            number, whole = self._numbers(self.twin, batch.labels)
            losses += loss * whole
            right = (response.output.argmax(1) == batch.labels)[:number].sum()
            hits += right
            if self.perturbed is not None:
                by_condition.add(batch.rung, right, number)
            for name, value in response.metrics.items():
                metrics[name] = metrics.get(name, 0.0) + value * number / samples
            self._step_done(note=latest)
        every, *values = self.processes.sums(int(hits), *metrics.values())
        metrics = dict(zip(metrics, values, strict=True))
        if self.perturbed is not None:
            metrics |= by_condition.accuracies(self.perturbed.names, self.processes.sums)
        return losses, int(every), metrics

    def _batches(
        self,
        twin: NetworkTwin,
        data: Dataset,
        order: np.ndarray,
        stream: int,
        twins: Iterator[tuple[str, NetworkTwin]] | None = None,
    ) -> Iterator[Batch]:
        """Yield this process's part of each batch."""
        return batches(twin, data, order, self.options, self.seed, stream, self.processes, twins)

    @staticmethod
    def _numbers(twin: NetworkTwin, labels: Tensor) -> tuple[int, int]:
        """Return how many samples of a batch count in this process, and how many in all."""
        part = twin.part
        return (len(labels), len(labels)) if part is None else (part.counted, part.batch)

    def _learn(self, batch: Batch) -> tuple[Response, Tensor]:
        """Learn from a batch; return the response at its end, and its mean loss."""
        total = torch.zeros((), dtype=torch.float64, device=self.twin.device)
        self.optimizer.zero_grad()
        for response, loss in self._parts(batch):
            last = response
            # The mean over all processes, so that all of them find out together.
            mean = self.twin.batch_mean(loss.detach())
            # A processor knows at once; for a GPU, the end of the epoch is early enough.
            if mean.device.type == "cpu" and not torch.isfinite(mean):
                raise self._diverged(f"the loss became {mean.item()}")
            loss.backward()
            total += mean
            if self.rule.steps_after_each_part:
                self._step()
                self.optimizer.zero_grad()
        if not self.rule.steps_after_each_part:
            self._step()
        return last, total

    def _step(self) -> None:
        """Take a step of the optimiser, by the gradient of the whole batch."""
        if self.twin.part is not None:
            average_gradients(list(self.twin.parameters()), self.twin.part)
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

    def _parts(self, batch: Batch) -> Iterator[tuple[Response, Tensor]]:
        """Yield response and loss of each part of a batch, ready for the backward pass."""
        options, runs = self.options, batch.twin
        parts = self.rule.learn(runs, *batch.inputs, batch.labels)
        while True:
            kind = self.twin.device.type
            lower = options.autocast == "bfloat16"
            precision = torch.autocast(kind, torch.bfloat16) if lower else nullcontext()
            with precision, runs.recomputing(options.recompute):
                part = next(parts, None)
            if part is None:
                return
            response, loss = part
            if options.spike_rate is not None:
                counts = {name: response.spike_counts(name) for name in self.constrained}
                steps = self.twin.network.steps * response.share
                loss = loss + response.share * options.spike_rate.penalty(
                    counts, steps, self.twin.batch_mean
                )
                del counts
            # Spikes that no graph needs are free before the backward pass.
            del part
            response = replace(response, spike_counts=_no_counts)
            yield response, loss

    def _evaluate(self, twin: NetworkTwin, data: Dataset) -> tuple[float, int]:
        """Return summed loss and hits of the network as it will be deployed."""
        twin.eval()
        losses, hits = 0.0, 0
        every = np.arange(len(data))
        with torch.no_grad(), seeded(twin.device, self.seed, self.epoch, _EVALUATION):
            for batch in self._batches(twin, data, every, stream=0):
                labels = batch.labels
                number, _ = self._numbers(twin, labels)
                output = self.rule.predict(twin, *batch.inputs)
                loss_input = self.rule.loss_input(twin, output)
                losses += self.rule.loss(loss_input, labels).item() * number
                hits += int((output.argmax(1) == labels)[:number].sum())
        loss, every_hit = self.processes.sums(losses, hits)
        return loss, int(every_hit)

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


def _no_counts(name: str) -> Tensor:
    raise AssertionError(f"the spikes of '{name}' are counted before the backward pass")
