"""Outputs as a race: with what chance a class is the first to fire, made smooth.

Output neurons that decide by their first spike compete. In step k, as long as none fired, the
chances that neuron j fires, or that none does, are made those of a softmax with the threshold among
the potentials,

    p_k(j) = exp(u_j)/(1 + sum over i of exp(u_i)),      u = (V - theta)/(softness*theta).

The chance that j is first is then ``sum over k of p_k(j) prod over l < k of p_l(none)``, and minus
its logarithm for the label the loss. These are the competing risks of survival analysis in discrete
time (Prentice & Gloeckler 1978, remembered); to train first spikes by them is our choice. Other
than the cross-entropy of times it has no reward for being early: a network may wait until it
knows, but by the end it should have fired. As softness nears 0 the chance is 1 for the decision of
the readout ``first_spike``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["log_chances"]


def log_chances(above: Tensor) -> Tensor:
    """Return the logarithm of the chance that a class is first, ``(batch, classes + 1)``.

    The last column is the chance that none fires.

    Parameters
    ----------
    above : Tensor, shape (T, batch, classes)
        How far potentials are above the threshold at the end of each step, in units of the
        softness.

    Examples
    --------
    The first neuron is at the threshold in the first step, the other far above it in the last:

    >>> above = torch.tensor([[0.0, -50.0], [-50.0, 50.0]]).unsqueeze(1)
    >>> log_chances(above).exp().round(decimals=4)
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    some = softplus(torch.logsumexp(above, 2, keepdim=True))
    waited = -some.cumsum(0)  # that none fired up to a step
    first = torch.logsumexp(waited + above, 0)
    return torch.cat([first, waited[-1]], 1)
