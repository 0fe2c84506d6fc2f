"""Weights of limited precision: quantisation and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import with_weights
from brianbridge.perturbations.condition import Condition

__all__ = ["WeightNoise", "WeightQuantisation"]


@dataclass(frozen=True)
class WeightQuantisation(Perturbation):
    """Round weights to whole multiples of a step.

    The grid is symmetric, ``-m, ..., m`` steps with ``m = 2**(bits - 1) - 1``, and ends at the
    largest weight. Ties are rounded to even multiples. Biases and frozen weights stay the same.

    Parameters
    ----------
    bits : int
        Bits of a weight, including its sign; from 2 to 24.
    per : {"tensor", "channel"}
        ``tensor``: all weights of a projection share a step. ``channel``: the weights into one
        neuron, or into one channel of a convolution, share a step.
    """

    name: ClassVar[str] = "weight_quantisation"
    keeps: ClassVar[str] = "each weight to half a step; the largest exactly"
    stage: ClassVar[Stage] = Stage.WEIGHT_GRID

    bits: int = 8
    per: Literal["tensor", "channel"] = "tensor"

    def __post_init__(self) -> None:
        if not isinstance(self.bits, int) or not 2 <= self.bits <= 24:
            raise self.refuse("bits", "give a whole number from 2 to 24")
        if self.per not in ("tensor", "channel"):
            raise self.refuse("per", "give 'tensor' or 'channel'")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Round the weights."""
        return with_weights(condition, self.rounded)

    def rounded(self, weight: np.ndarray) -> np.ndarray:
        """Return the weights, ``(out, ...)`` or a flat list of them, rounded to their grid."""
        by_channel = self.per == "channel" and weight.ndim > 1
        axes = tuple(range(1, weight.ndim)) if by_channel else None
        largest = np.abs(weight).max(axis=axes, keepdims=by_channel)
        step = np.where(largest > 0, largest, 1.0) / (2 ** (self.bits - 1) - 1)
        return (np.round(weight / step) * step).astype(weight.dtype)


@dataclass(frozen=True)
class WeightNoise(Perturbation):
    """Multiply each weight by a random factor of its own, normally distributed around 1.

    Parameters
    ----------
    cv : float
        Standard deviation of the factor: the coefficient of variation of each weight.
    """

    name: ClassVar[str] = "weight_noise"
    keeps: ClassVar[str] = "the mean of each weight"
    stage: ClassVar[Stage] = Stage.WEIGHT_NOISE
    random: ClassVar[bool] = True

    cv: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.cv < np.inf:
            raise self.refuse("cv", "give 0 or more, such as 0.1")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Draw the factors and multiply."""
        return with_weights(
            condition, lambda w: (w * (1 + self.cv * rng.standard_normal(w.shape))).astype(w.dtype)
        )
