"""Batch normalisation in training, gone without a trace at write-back.

Spiking neurons know no normalisation, so that it must vanish into the weights. What is
normalised is the *mean input of a presentation*, channel by channel: with ``y(t) = W s(t)`` the
weighted spikes (or a constant current) and ``ybar`` their mean over the T steps,

    y(t) -> gamma*(y(t) - mean(ybar))/sqrt(variance(ybar) + eps) + beta

with mean and variance over batch and places. That is linear in ``y(t)`` for given statistics, and
so is a factor for the weights and a constant input (`brianbridge.network.fold`). For T = 1, and
for constant currents, it is the ordinary batch normalisation (Ioffe & Szegedy 2015). The variance
of the mean, not of single steps, is our choice: it is what counts add up from, and it is the same
for rules that learn through time and for those that learn by counts.

Neurons that sum their input without a leak and fire once may instead have their *potential*
normalised (``batch_norm = "potential"``), over steps, batch and places: the constant is then where
their potentials start, and none is left that would be added in each step, at a finer one in part
before the spikes of a coarse one and in part after them.

A twin in evaluation mode computes with the folded weights, so that what is evaluated is what is
written back.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["BatchNorm", "Normalised"]

#: What is normalised: nothing, the mean input of a presentation, or the potential.
Normalised = bool | Literal["potential"]


class BatchNorm(nn.Module):
    """Find the factor and the constant that normalise the input of each channel.

    Parameters
    ----------
    channels : int
        Channels of a convolution, or neurons of a dense projection.
    dtype : torch.dtype
        Floating point type.
    momentum : float
        Weight of a new batch in the running statistics.
    eps : float
        What is added to the variance.

    Examples
    --------
    >>> norm = BatchNorm(2, torch.float64)
    >>> scale, shift = norm(torch.tensor([[1.0, 0.0], [3.0, 2.0]], dtype=torch.float64))
    >>> shift + scale*torch.tensor([1.0, 0.0])               # the first sample, normalised
    tensor([-1.0000, -1.0000], dtype=torch.float64, grad_fn=<AddBackward0>)
    """

    mean: Tensor
    variance: Tensor

    def __init__(
        self, channels: int, dtype: torch.dtype, *, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(channels, dtype=dtype))
        self.beta = nn.Parameter(torch.zeros(channels, dtype=dtype))
        self.register_buffer("mean", torch.zeros(channels, dtype=dtype))
        self.register_buffer("variance", torch.ones(channels, dtype=dtype))

    def forward(self, weighted: Tensor) -> tuple[Tensor, Tensor]:
        """Return factor and constant by the statistics of a batch, which are also noted.

        They are not where gradients are off: a rule that runs a layer twice, once without them,
        would count it twice. A single value has no variance; the noted statistics stand in.

        Parameters
        ----------
        weighted : Tensor, shape (batch, channels, *places)
            The mean input of each sample.
        """
        number = weighted.numel() // len(self.mean)
        if number == 1:
            return self.running()
        places = [d for d in range(weighted.ndim) if d != 1]
        # Under autocast it comes in less precision than sums of squares want.
        variance, mean = torch.var_mean(weighted.to(self.mean.dtype), places, correction=0)
        if torch.is_grad_enabled():
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance * (number / (number - 1)), self.momentum)
        return self._coefficients(mean, variance)

    def running(self) -> tuple[Tensor, Tensor]:
        """Return factor and constant by the statistics noted in training, ``(channels,)`` each."""
        return self._coefficients(self.mean, self.variance)

    def _coefficients(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        scale = self.gamma * torch.rsqrt(variance + self.eps)
        return scale, self.beta - scale * mean
