"""The gradient of a whole batch, from those of its parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from brianbridge.twin.part import Part, add_over_processes

__all__ = ["average_gradients"]


@torch.no_grad()
def average_gradients(parameters: Sequence[nn.Parameter], part: Part) -> None:
    """Replace gradients by their mean over all processes, weighted by numbers of samples.

    A rule may compute its gradient in any way: this does not depend on hooks of autograd. All
    gradients of one type are summed at once.

    Parameters
    ----------
    parameters : sequence of Parameter
        The parameters, the same in all processes. One that has no gradient in any of them keeps
        none, so that an optimiser leaves it out as before.
    part : Part
        The part of the batch that the present gradients belong to.
    """
    learned = [values for values in parameters if values.requires_grad]
    for dtype in dict.fromkeys(values.dtype for values in learned):
        _average([values for values in learned if values.dtype == dtype], part.weight)


def _average(parameters: Sequence[nn.Parameter], weight: float) -> None:
    """Average the gradients of parameters of one type."""
    sizes = [values.numel() for values in parameters]
    # The last numbers count the processes in which a parameter has a gradient.
    flat = parameters[0].new_zeros(sum(sizes) + len(sizes))
    *pieces, found = flat.split([*sizes, len(sizes)])
    views = [piece.view(one.shape) for one, piece in zip(parameters, pieces, strict=True)]
    for number, (values, view) in enumerate(zip(parameters, views, strict=True)):
        if values.grad is not None:
            found[number] = 1
            if weight:  # the gradient of a stand-in may be infinite
                torch.mul(values.grad, weight, out=view)
    add_over_processes(flat)
    for values, view, number in zip(parameters, views, found.tolist(), strict=True):
        if number:
            values.grad = view
