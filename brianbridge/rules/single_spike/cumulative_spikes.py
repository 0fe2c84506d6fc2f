"""Whether neurons that fire once have fired by each step, with a gradient in every step.

Let ``f_k = 1`` from the step of a neuron's spike on, and 0 before. Without a leak, the potential of
its targets in step k is then ``W f_k``, whatever happened in earlier steps. In turn ``f_k`` is 1 as
soon as a potential was above theta in any step up to k. The network is thus a feedforward threshold
network in each step. How early a neuron fired is ``T - t = sum over k of f_k``.

The gradient is our choice: a surrogate in all steps, instead of one at the spike. It is the
derivative of the threshold, ``df_k/dV_k = [|V_k - theta| < width]/(2 width)``, and 0 once a neuron
has fired and its potential is below theta again. A neuron that never fired thus learns from the
steps in which its potential came close. A neuron that fired long before its potential left the
window does not.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["cumulative_spikes", "threshold_scale"]


class _CumulativeSpikes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, above: Tensor, width: Tensor) -> Tensor:
        steps = (above > 0).unbind()
        # One step at a time: `cummax` along the first axis also finds indices, and is far slower.
        fired = torch.stack(list(accumulate(steps, torch.logical_or))).to(above.dtype)
        ctx.save_for_backward(above, fired, width)
        return fired

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        above, fired, width = ctx.saved_tensors
        learns = (above.abs() < width) & ((fired == 0) | (above > 0))
        return gradients[0] * learns / (2 * width), None


def cumulative_spikes(potential: Tensor, theta: Tensor, width: float) -> Tensor:
    """Return whether neurons have fired by each step, with a gradient to their potentials.

    Parameters
    ----------
    potential : Tensor, shape (T, batch, *shape)
        Potentials at the end of each step.
    theta : Tensor
        Thresholds, which broadcast to ``(batch, *shape)``.
    width : float
        Largest distance from the threshold at which a potential has a gradient, in units of the
        threshold; in units of 1 where the threshold is 0.

    Returns
    -------
    Tensor, shape (T, batch, *shape)
        1 from the step of the spike on, and 0 before.

    Examples
    --------
    >>> potential = torch.tensor([0.2, 1.1, 0.9]).reshape(3, 1, 1)
    >>> cumulative_spikes(potential, torch.tensor(1.0), width=0.5).flatten()
    tensor([0., 1., 1.])
    """
    scale = threshold_scale(theta)
    return cast(Tensor, _CumulativeSpikes.apply(potential - theta, width * scale))


def threshold_scale(theta: Tensor) -> Tensor:
    """Return the unit of potentials: the absolute threshold, or 1 where the threshold is 0."""
    return torch.where(theta == 0, 1.0, theta.abs())
