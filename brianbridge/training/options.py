"""How long and how fast to train, and under which constraints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch

from brianbridge.errors import InputError
from brianbridge.schema import check_kinds
from brianbridge.training.augmentation import Augmentation
from brianbridge.training.spike_rate import SpikeRate

__all__ = ["TrainingOptions"]

#: Of learning and of decay. The optimisers multiply it, in floats of 32 bits.
LARGEST_RATE = 1e6

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["constant", "cosine", "step"]
Autocast = Literal["none", "bfloat16"]


@dataclass(frozen=True)
class TrainingOptions:
    """Hold how long and how fast to train.

    Parameters
    ----------
    epochs : int
        Passes over the training samples, at most.
    batch_size : int
        Samples between two steps of the optimiser.
    optimizer : {"adamw", "sgd"}
        SGD takes its weight decay as a part of the gradient, AdamW beside it.
    learning_rate : float
        Of the optimiser, at the start.
    momentum : float
        Of SGD.
    weight_decay : float
        Of the optimiser.
    schedule : {"constant", "cosine", "step"}
        Whether the learning rate stays, falls to 0 along a cosine over all epochs, or is
        multiplied by `step_factor` after each of the epochs `step_at`.
    step_at : tuple of int
        Epochs, of schedule ``"step"``.
    step_factor : float
        Of schedule ``"step"``.
    warmup : int
        Epochs at the start over which the learning rate rises.
    gradient_clip : float
        Largest norm of the gradient of all weights; 0 for no limit.
    ema : float
        Decay of an exponential moving average of the weights, a step (less over the first steps);
        the average is what is evaluated and kept. 0 for none.
    augmentation : Augmentation
        How training images are changed.
    spike_rate : SpikeRate, optional
        A constraint on how much neurons fire.
    channels_last : bool
        Whether kernels are stored with channels last, which some processors convolve faster.
    autocast : {"none", "bfloat16"}
        Whether products are computed in less precision in training; evaluation never is.
    validation_fraction : float
        Share of the training samples that is held out to choose the best epoch; 0 for none,
        and then the last epoch is kept.
    patience : int
        Stop after this many epochs without a better validation accuracy; 0 for never.
    deterministic : bool
        Whether to train in one thread, so that the weights do not depend on the number of threads.
        With the same number of threads they are the same in either case.

    Raises
    ------
    InputError
        If an option is out of range.
    """

    epochs: int = 20
    batch_size: int = 64
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    step_at: tuple[int, ...] = ()
    step_factor: float = 0.1
    warmup: int = 0
    gradient_clip: float = 0.0
    ema: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    spike_rate: SpikeRate | None = None
    channels_last: bool = False
    autocast: Autocast = "none"
    validation_fraction: float = 0.1
    patience: int = 0
    deterministic: bool = False

    def __post_init__(self) -> None:
        check_kinds(type(self), vars(self), "training")
        for name, good in (
            ("epochs", self.epochs >= 1),
            ("batch_size", self.batch_size >= 1),
            ("optimizer", self.optimizer in get_args(Optimizer)),
            ("learning_rate", 0 < self.learning_rate <= LARGEST_RATE),
            ("momentum", 0 <= self.momentum < 1),
            ("weight_decay", 0 <= self.weight_decay <= LARGEST_RATE),
            ("schedule", self.schedule in get_args(Schedule)),
            ("step_at", all(epoch >= 1 for epoch in self.step_at)),
            ("step_factor", 0 < self.step_factor <= 1),
            ("warmup", self.warmup >= 0),
            ("gradient_clip", self.gradient_clip >= 0),
            ("ema", 0 <= self.ema < 1),
            ("autocast", self.autocast in get_args(Autocast)),
            ("validation_fraction", 0 <= self.validation_fraction < 1),
            ("patience", self.patience >= 0),
        ):
            if not good:
                raise InputError(f"training: {name} = {getattr(self, name)!r} is out of range")

    def rate_in(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0.

        Examples
        --------
        >>> options = TrainingOptions(learning_rate=1.0, schedule="step", step_at=(2, 3))
        >>> [round(options.rate_in(epoch), 4) for epoch in range(4)]
        [1.0, 1.0, 0.1, 0.01]
        """
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        elif self.schedule == "step":
            rate *= self.step_factor ** sum(epoch >= at for at in self.step_at)
        return rate * min(1.0, (epoch + 1) / (self.warmup + 1))

    def make_optimizer(self, parameters: Any) -> torch.optim.Optimizer:
        """Return the optimiser of some parameters."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                parameters,
                lr=self.learning_rate,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
            )
        return torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)
