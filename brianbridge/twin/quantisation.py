"""Weights of few bits: a grid on which the threshold lies, and gradients that pass it by.

Hardware stores whole numbers. With n bits a weight is ``k*step`` for a whole k from
``-(2**(n-1) - 1)`` to ``2**(n-1) - 1``. A threshold of the same hardware is a whole number of
steps, too; so the step is chosen as ``theta/m`` for the whole number m nearest to
``theta/(range/(2**(n-1) - 1))``, at least 1, and at most ``2**threshold_bits - 1``. Three things
follow from that:

- Where the threshold is m steps, the grid ends within a share ``1/(2 m)`` of the range; what lies
  beyond its end is clipped.
- A weight is at most ``2**(n-1) - 1`` thresholds, for no threshold is less than a step. Larger
  ones are clipped to that, however large the range.
- No step is below ``theta/(2**threshold_bits - 1)``. Weights so far below the threshold that n
  bits would resolve them better are rounded to this coarser grid, perhaps to 0; they are not
  clipped.

Rounding and clipping happen forward; backward the gradient passes as if there had been none
(straight-through, Bengio et al. 2013; the gradient of clipped weights is kept, so that they can
return). All weights that are trained are treated this way. Biases are not: they are constant
currents, which hardware of this kind holds with more bits.
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
        Bits of a weight, its sign included.
    per : {"tensor", "channel"}
        Whether all weights of a projection share a step, or those that lead to one channel do.
        Weights in a list, one to one or sparse, always share one.
    clip : float
        Range of the grid, in root mean squares of the weights (standard deviations around 0), if
        the largest weight is not within; 0 for the largest weight.
    threshold_bits : int
        Bits of the threshold, counted in steps of the weights; at most 22, for float32 could not
        tell larger numbers of steps apart.

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
        apart = self.per == "channel" and weight.ndim > 1
        within = list(range(1 if apart else 0, weight.ndim))
        far = weight.abs().amax(within, keepdim=True)
        if self.clip:
            far = far.minimum(self.clip * weight.square().mean(within, keepdim=True).sqrt())
        coarse = far.clamp(min=torch.finfo(weight.dtype).tiny) / (2 ** (self.bits - 1) - 1)
        number = torch.round(theta / coarse).clamp(1, 2**self.threshold_bits - 1)
        return theta / number

    def __call__(self, weight: Tensor, theta: float | Tensor) -> Tensor:
        """Return the weights on the grid, with the gradient of the weights as they are.

        Parameters
        ----------
        weight : Tensor, shape (out, ...)
            Weights.
        theta : float or Tensor
            Threshold of the neurons that they lead to.
        """
        with torch.no_grad():
            step = self.step(weight, theta)
            largest = 2 ** (self.bits - 1) - 1
            rounded = torch.round(weight / step).clamp(-largest, largest) * step
        return rounded + (weight - weight.detach())
