"""Standardised weights: each channel has mean 0 and a standard deviation that is learned.

Qiao, Wang, Liu, Shen & Yuille (2019), "Micro-batch training with batch-channel normalization and
weight standardization": a weight is replaced by

    w -> gain (w - mean(w))/sqrt(variance(w) + eps),

mean and variance over all inputs of its channel (from memory, as the code of OTTT applies it).
Unlike a batch normalisation it depends on the weights alone: it is the same in training and in
evaluation, in every step and in every batch. The network that is written back has the result.
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["StandardisedWeights"]

#: Added to the variance, relative to that of the initial weights.
_EPS = 1e-4


class StandardisedWeights(nn.Module):
    """Standardise a weight whose first axis counts the target's channels.

    Parameters
    ----------
    weight : Tensor, shape (channels, ...)
        The initial weight. At first, each channel keeps its standard deviation.

    Examples
    --------
    >>> import torch
    >>> standardised = StandardisedWeights(torch.tensor([[1.0, 3.0], [0.0, 0.5]]))
    >>> standardised(torch.tensor([[5.0, 9.0], [0.0, 1.0]])).round(decimals=3)
    tensor([[-1.0000,  1.0000],
            [-0.2500,  0.2500]], grad_fn=<RoundBackward1>)
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        deviation = weight.detach().flatten(1).std(1, unbiased=False)
        self.gain = nn.Parameter(deviation)
        self._eps = _EPS * float(deviation.square().mean())

    def forward(self, weight: Tensor) -> Tensor:
        """Return the standardised weight, of the same shape."""
        flat = weight.flatten(1)
        apart = flat - flat.mean(1, keepdim=True)
        size = (apart.square().mean(1, keepdim=True) + self._eps).rsqrt()
        return (self.gain[:, None] * apart * size).reshape(weight.shape)
