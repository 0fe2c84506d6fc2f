"""Options of training: how long, how fast and under which constraints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from brianbridge.schema import check_options
from brianbridge.training.augmentation import Augmentation
from brianbridge.training.spike_rate import SpikeRate

__all__ = ["TrainingOptions"]

#: Largest learning rate and weight decay. The optimisers multiply them in 32-bit floats.
LARGEST_RATE = 1e6

#: At least 0 and below 1.
Share = Annotated[float, Interval(ge=0, lt=1)]


@dataclass(frozen=True)
class TrainingOptions:
    """Hold the options of training. The table ``[training]`` of a study has the same keys.

    Parameters
    ----------
    epochs : int
        Largest number of passes over the training samples.
    batch_size : int
        Number of samples per step of the optimiser.
    optimizer : {"adamw", "sgd"}
        Optimiser. SGD adds the weight decay to the gradient; AdamW applies it separately.
    learning_rate : float
        Learning rate at the start, for weights in natural units (`brianbridge.network.scale`), as
        are weight decay and clipping.
    momentum : float
        Momentum of SGD.
    weight_decay : float
        Weight decay of the optimiser.
    schedule : {"constant", "cosine", "step"}
        Course of the learning rate: constant, falling to 0 along a cosine over all epochs, or
        multiplied by `step_factor` after each of the epochs `step_at`.
    step_at : tuple of int
        Epochs after which schedule ``"step"`` lowers the learning rate.
    step_factor : float
        Factor by which schedule ``"step"`` multiplies the learning rate.
    warmup : int
        Number of epochs at the start over which the learning rate rises.
    gradient_clip : float
        Largest norm of the gradient of all weights; 0 for no limit.
    ema : float
        Decay per step of an exponential moving average of the weights; 0 for no average. The
        average is evaluated and kept in place of the weights. The decay is lower in the first
        steps.
    augmentation : Augmentation
        Random changes of the training images.
    spike_rate : SpikeRate, optional
        Constraint on how much neurons fire.
    channels_last : bool
        Whether kernels are stored with channels last; some processors convolve these faster.
    autocast : {"none", "bfloat16"}
        Whether training computes products in lower precision. Evaluation never does.
    recompute : bool
        Whether a rule that learns through time keeps the state at about ``sqrt(T)`` steps alone,
        and computes the others again in the backward pass; see `brianbridge.twin.recompute`.
    validation_fraction : float
        Share of the training samples that is held out to choose the best epoch. With 0 the last
        epoch is kept.
    patience : int
        Number of epochs without a better validation accuracy after which training stops; 0 for
        never.
    deterministic : bool
        Whether to train in one thread, so that the weights do not depend on the number of threads.
        With a fixed number of threads the weights are the same in either case.

    Raises
    ------
    InputError
        If an option has the wrong type or is out of range.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 64
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Interval(gt=0, le=LARGEST_RATE)] = 1e-3
    momentum: Share = 0.9
    weight_decay: Annotated[float, Interval(ge=0, le=LARGEST_RATE)] = 0.0
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_at: tuple[PositiveInt, ...] = ()
    step_factor: Annotated[float, Interval(gt=0, le=1)] = 0.1
    warmup: NonNegativeInt = 0
    gradient_clip: NonNegativeFloat = 0.0
    ema: Share = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    spike_rate: SpikeRate | None = None
    channels_last: bool = False
    autocast: Literal["none", "bfloat16"] = "none"
    validation_fraction: Share = 0.1
    patience: NonNegativeInt = 0
    deterministic: bool = False
    recompute: bool = False

    def __post_init__(self) -> None:
        check_options(self, "training")

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
        """Return the optimiser for some parameters."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                parameters,
                lr=self.learning_rate,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
            )
        parameters = list(parameters)
        # One pass over all numbers instead of ten; it would copy other memory formats.
        fused = all(p.is_contiguous() for p in parameters)
        return torch.optim.AdamW(
            parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=fused
        )
