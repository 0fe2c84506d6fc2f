"""The output as a race between classes: the probability that a class fires first, made smooth.

Output neurons that decide by their first spike compete. In each step k, as long as none has fired,
the probabilities that neuron j fires, or that none does, are those of a softmax in which the
threshold is one of the potentials,

    p_k(j) = exp(u_j)/(1 + sum over i of exp(u_i)),      u = (V - theta)/(softness*theta).

The probability that j is first is then ``sum over k of p_k(j) prod over l < k of p_l(none)``. The
loss is the negative logarithm of this probability for the label. These are the competing risks of
survival analysis in discrete time (Prentice & Gloeckler 1978, from memory); to train first spikes
with them is our choice. Unlike the cross-entropy of times, this loss does not reward early spikes:
a network may wait until it has enough evidence, but should have fired by the end. As the softness
approaches 0, the probability approaches 1 for the decision of the readout ``first_spike``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["log_probability_of_first"]


def log_probability_of_first(above: Tensor) -> Tensor:
    """Return the log-probability that each class fires first, ``(batch, classes + 1)``.

    The last column is the log-probability that no class fires.

    Parameters
    ----------
    above : Tensor, shape (T, batch, classes)
        Potentials minus the threshold at the end of each step, in units of the softness.

    Examples
    --------
    The first neuron is at the threshold in the first step, the second far above it in the last:

    >>> above = torch.tensor([[0.0, -50.0], [-50.0, 50.0]]).unsqueeze(1)
    >>> log_probability_of_first(above).exp().round(decimals=4)
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    any_fires = softplus(torch.logsumexp(above, 2, keepdim=True))
    none_so_far = -any_fires.cumsum(0)
    first = torch.logsumexp(none_so_far + above, 0)
    return torch.cat([first, none_so_far[-1]], 1)
