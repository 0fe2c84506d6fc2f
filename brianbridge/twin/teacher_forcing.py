"""Make a twin emit what something else has done, with a gradient that stays the twin's.

What ran elsewhere (in Brian2 under other conditions, on a chip) is put in the place of the twin's
spikes and of its output: the values that the next population and the loss see are those, and the
derivative is that of the twin's own spikes, straight through,

    s = s_forced + s_twin - constant(s_twin)

so that errors of the twin do not add up from population to population. A reset within the twin
takes its own spikes: the potential from which it differentiates is the one that it has itself,
of the input that was really there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Forced", "straight_through"]


@dataclass(frozen=True)
class Forced:
    """Hold what a twin is to emit.

    Parameters
    ----------
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spike values, of every population that fires.
    output : Tensor, shape (batch, classes)
        What the last population came to, by the network's readout.
    """

    spikes: Mapping[str, Tensor]
    output: Tensor


def straight_through(value: Tensor, own: Tensor) -> Tensor:
    """Return `value`, to the last bit, with the gradient of `own`.

    Examples
    --------
    >>> import torch
    >>> own = torch.tensor([0.3], requires_grad=True)
    >>> forced = straight_through(torch.tensor([1.0]), 2*own)
    >>> forced.backward(); forced.item(), own.grad.item()
    (1.0, 2.0)
    """
    return value + (own - own.detach())
