"""Target times of output spikes relative to the earliest one, as in S4NN."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["relative_targets"]


def relative_targets(earliness: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return how early output neurons should fire, ``(batch, classes)``, in steps before the end.

    Parameters
    ----------
    earliness : Tensor, shape (batch, classes)
        How early they fired, ``T - t``; 0 for neurons that never fired.
    labels : Tensor of int64, shape (batch,)
        The correct classes.
    margin : float
        Number of steps after the earliest spike in which no other neuron should fire.

    Examples
    --------
    Ten steps; the label (the last) is late, and the first neuron too close to the earliest:

    >>> times = torch.tensor([[4.0, 2.0, 9.0, 6.0]])
    >>> 10 - relative_targets(10 - times, torch.tensor([3]), margin=3)
    tensor([[5., 5., 9., 2.]])

    No neuron fired:

    >>> 10 - relative_targets(torch.zeros(1, 3), torch.tensor([0]), margin=3)
    tensor([[ 7., 10., 10.]])
    """
    best = earliness.amax(1, keepdim=True)
    close = best - earliness < margin
    targets = torch.where(close, (best - margin).clamp(min=0), earliness)
    of_label = torch.where(best > 0, best, margin)
    return targets.scatter(1, labels.unsqueeze(1), of_label)
