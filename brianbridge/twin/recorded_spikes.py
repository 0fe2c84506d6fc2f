"""Replace a twin's spikes by recorded ones, but keep the twin's gradient.

Spikes and output that were recorded elsewhere (in Brian2 under other conditions, on a chip) take
the place of the twin's own. The next population and the loss see the recorded values; the
derivative is that of the twin's own spikes (straight-through estimator):

    s = s_recorded + s_twin - constant(s_twin)

Errors of the twin therefore do not add up from population to population. A reset within the twin
uses the spikes that the twin computed. The twin thus differentiates at its own potential, for the
input that it really received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["RecordedSpikes", "straight_through"]


@dataclass(frozen=True)
class RecordedSpikes:
    """Hold the spikes and the output that a twin emits in place of its own.

    Parameters
    ----------
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spike values of every population that fires.
    output : Tensor, shape (batch, classes)
        The output of the network's readout.
    """

    spikes: Mapping[str, Tensor]
    output: Tensor


def straight_through(value: Tensor, computed: Tensor) -> Tensor:
    """Return `value`, to the last bit, with the gradient of `computed`.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([0.3], requires_grad=True)
    >>> result = straight_through(torch.tensor([1.0]), 2*x)
    >>> result.backward(); result.item(), x.grad.item()
    (1.0, 2.0)
    """
    return value + (computed - computed.detach())
