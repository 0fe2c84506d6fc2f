"""Perturbations of weights: a grid of few bits, and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from brianbridge.network import SpikingNetwork
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.condition import Condition

__all__ = ["WeightNoise", "WeightQuantisation"]


@dataclass(frozen=True)
class WeightQuantisation(Perturbation):
    """Round weights to whole multiples of a step.

    The grid is symmetric, ``-m, ..., m`` steps with ``m = 2**(bits - 1) - 1``, and its end is the
    largest weight; ties are rounded to even multiples. Biases and frozen weights stay.

    Parameters
    ----------
    bits : int
        Of a weight, its sign included; from 2 on.
    per : {"tensor", "channel"}
        Whether all weights of a projection share a step, or those that lead to one neuron (or
        channel) do.
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
        """Return weights ``(out, ...)``, or a list of them, on their grid."""
        each = self.per == "channel" and weight.ndim > 1
        axes = tuple(range(1, weight.ndim)) if each else None
        largest = np.abs(weight).max(axis=axes, keepdims=each)
        step = np.where(largest > 0, largest, 1.0) / (2 ** (self.bits - 1) - 1)
        return (np.round(weight / step) * step).astype(weight.dtype)


@dataclass(frozen=True)
class WeightNoise(Perturbation):
    """Multiply each weight by a number of its own, from a normal distribution around 1.

    Parameters
    ----------
    cv : float
        Standard deviation of the factor, the coefficient of variation of each weight.
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
        """Draw the factors."""
        return with_weights(
            condition, lambda w: (w * (1 + self.cv * rng.standard_normal(w.shape))).astype(w.dtype)
        )


def with_weights(condition: Condition, change: Callable[[np.ndarray], np.ndarray]) -> Condition:
    """Return the condition with all weights changed that are not frozen, in their order."""
    network: SpikingNetwork = condition.network
    changed = {p.name: (change(p.weight), p.bias) for p in network.projections if not p.frozen}
    return replace(condition, network=network.with_weights(changed))
