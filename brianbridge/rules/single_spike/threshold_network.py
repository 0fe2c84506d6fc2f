"""Neurons that fire once, seen as a threshold network of its own in each step.

What such neurons have told by step k is whether they fired: ``f_k = 1`` from the step of their
spike on. Without a leak the potential of the next neurons is then ``W f_k``, whatever the steps
before it, and ``f_k`` is 1 as soon as a potential was above theta in any step up to k. How early a
neuron fired is ``T - t = sum over k of f_k``.

The gradient (ours; a surrogate in all steps in place of one at the spike) is that of the
thresholds: ``df_k/dV_k = [|V_k - theta| < width]/(2 width)``, and 0 once a neuron fired and its
potential is back below theta. A neuron that never fired thus learns from the steps in which it
came near, and one that fired long before its potential passed the window does not.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["fired_so_far", "unit_of"]


class _Fired(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, above: Tensor, width: Tensor) -> Tensor:
        steps = (above > 0).unbind()
        # One step at a time: `cummax` along the first axis also finds places, and is far slower.
        fired = torch.stack(list(accumulate(steps, torch.logical_or))).to(above.dtype)
        ctx.save_for_backward(above, fired, width)
        return fired

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        above, fired, width = ctx.saved_tensors
        learns = (above.abs() < width) & ((fired == 0) | (above > 0))
        return gradients[0] * learns / (2 * width), None


def fired_so_far(potential: Tensor, theta: Tensor, width: float) -> Tensor:
    """Return whether neurons have fired by each step, with a gradient to their potentials.

    Parameters
    ----------
    potential : Tensor, shape (T, batch, *shape)
        At the end of each step.
    theta : Tensor
        Thresholds, to go with ``(batch, *shape)``.
    width : float
        How far from the threshold a potential still has a gradient, in units of it; where the
        threshold is 0, in units of 1.

    Returns
    -------
    Tensor, shape (T, batch, *shape)
        1 from the step of the spike on, and 0 before.

    Examples
    --------
    >>> potential = torch.tensor([0.2, 1.1, 0.9]).reshape(3, 1, 1)
    >>> fired_so_far(potential, torch.tensor(1.0), width=0.5).flatten()
    tensor([0., 1., 1.])
    """
    return cast(Tensor, _Fired.apply(potential - theta, width * unit_of(theta)))


def unit_of(theta: Tensor) -> Tensor:
    """Return what potentials are told in units of: the thresholds, or 1 where these are 0."""
    return torch.where(theta == 0, 1.0, theta.abs())
