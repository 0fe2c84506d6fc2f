"""Quantised weights: a grid that contains the threshold, with a straight-through gradient.

Hardware stores whole numbers. With n bits a weight is ``k*step`` for a whole number k from
``-(2**(n-1) - 1)`` to ``2**(n-1) - 1``. The threshold is a whole number of steps, too. The step is
therefore ``theta/m`` for the whole number m nearest to ``theta/(range/(2**(n-1) - 1))``, at least 1
and at most ``2**threshold_bits - 1``. Three things follow:

- If the threshold is m steps, the end of the grid differs from the range by at most a fraction
  ``1/(2 m)`` of it. Weights beyond the end are clipped.
- A weight is at most ``2**(n-1) - 1`` thresholds, because a threshold is at least one step. Larger
  weights are clipped, however large the range.
- No step is below ``theta/(2**threshold_bits - 1)``. Weights that are much smaller than the
  threshold are rounded to this grid, possibly to 0, even if n bits could represent them better.

Weights are rounded and clipped in the forward pass. In the backward pass the gradient is that of
the identity (straight-through estimator, Bengio et al. 2013), also for clipped weights, so that
they can return. This applies to all trained weights. It does not apply to biases: they are constant
currents, which such hardware stores with more bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from pydantic import NonNegativeFloat
from torch import Tensor

from brianbridge.schema import check_options

__all__ = ["Quantisation"]


@dataclass(frozen=True)
class Quantisation:
    """Round weights to few bits.

    Parameters
    ----------
    bits : int
        Bits of a weight, including its sign.
    per : {"tensor", "channel"}
        Whether all weights of a projection share a step, or all weights to one target channel.
        One-to-one and sparse projections always have a single step.
    clip : float
        Range of the grid as a multiple of the root mean square of the weights, if that is below
        the largest weight; 0 to use the largest weight.
    threshold_bits : int
        Bits of the threshold in steps; at most 22, because float32 cannot distinguish larger
        numbers of steps.

    Raises
    ------
    InputError
        If an option is out of range.

    Examples
    --------
    >>> weight = torch.tensor([[0.9, -0.31, 0.12]])
    >>> Quantisation(bits=3)(weight, theta=1.0)              # steps of 1/3, from -1 to 1
    tensor([[ 1.0000, -0.3333,  0.0000]])
    """

    bits: Annotated[int, Interval(ge=2, le=16)] = 8
    per: Literal["tensor", "channel"] = "tensor"
    clip: NonNegativeFloat = 0.0
    threshold_bits: Annotated[int, Interval(ge=1, le=22)] = 16

    def __post_init__(self) -> None:
        check_options(self, "quantisation")

    def step(self, weight: Tensor, theta: float | Tensor) -> Tensor:
        """Return the step of the grid, of a shape that broadcasts with ``weight (out, ...)``."""
        by_channel = self.per == "channel" and weight.ndim > 1
        axes = list(range(1 if by_channel else 0, weight.ndim))
        largest = weight.abs().amax(axes, keepdim=True)
        if self.clip:
            largest = largest.minimum(self.clip * weight.square().mean(axes, keepdim=True).sqrt())
        coarsest = largest.clamp(min=torch.finfo(weight.dtype).tiny) / (2 ** (self.bits - 1) - 1)
        number = torch.round(theta / coarsest).clamp(1, 2**self.threshold_bits - 1)
        return theta / number

    def __call__(self, weight: Tensor, theta: float | Tensor) -> Tensor:
        """Return the weights rounded to the grid, with a straight-through gradient.

        Parameters
        ----------
        weight : Tensor, shape (out, ...)
            Weights.
        theta : float or Tensor
            Threshold of the target neurons.
        """
        with torch.no_grad():
            step = self.step(weight, theta)
            largest = 2 ** (self.bits - 1) - 1
            rounded = torch.round(weight / step).clamp(-largest, largest) * step
        return rounded + (weight - weight.detach())
