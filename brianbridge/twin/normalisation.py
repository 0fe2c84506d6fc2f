"""Batch normalisation in training, which is folded into the weights at write-back.

Spiking neurons have no normalisation, so it must become part of the weights. The *mean input of a
presentation* is normalised, channel by channel: with ``y(t) = W s(t)`` the weighted spikes (or a
constant current) and ``ybar`` their mean over the T steps,

    y(t) -> gamma*(y(t) - mean(ybar))/sqrt(variance(ybar) + eps) + beta

Mean and variance are taken over the batch and over space. For given statistics this is linear in
``y(t)``, so it is a factor of the weights and a constant input (`brianbridge.network.fold`). For
T = 1, and for constant currents, it is ordinary batch normalisation (Ioffe & Szegedy 2015). We use
the variance of the mean, not of single steps, because spike counts are sums over steps. The result
is then the same for rules that learn through time and for rules that learn by counts.

Neurons that sum their input without a leak and fire once may instead have their *potential*
normalised (``batch_norm = "potential"``), over steps, batch and space. The constant is then the
initial potential. No constant input remains, which at a finer time step would arrive partly before
and partly after the spikes of a coarse step.

With ``batch_norm = "weights"`` the weights are standardised instead
(`brianbridge.twin.standardisation`), which needs no statistics of a batch.

A twin in evaluation mode computes with the folded weights, so that the evaluated network is the
one that is written back.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from brianbridge.twin.part import Part

__all__ = ["BatchNorm", "Normalised"]

#: Whether to normalise the mean input of a presentation, the potential, or the weights.
Normalised = bool | Literal["potential", "weights"]


class BatchNorm(nn.Module):
    """Compute the factor and the constant that normalise the input of each channel.

    Parameters
    ----------
    channels : int
        Channels of a convolution, or neurons of a dense projection.
    dtype : torch.dtype
        Floating point type.
    momentum : float
        Weight of a new batch in the running statistics.
    eps : float
        Small number added to the variance, in natural units.
    unit : float
        One natural unit of the input, in SI units. Initially the normalised input has this size.

    Examples
    --------
    >>> norm = BatchNorm(2, torch.float64)
    >>> scale, shift = norm(torch.tensor([[1.0, 0.0], [3.0, 2.0]], dtype=torch.float64))
    >>> shift + scale*torch.tensor([1.0, 0.0])               # the first sample, normalised
    tensor([-1.0000, -1.0000], dtype=torch.float64, grad_fn=<AddBackward0>)
    """

    mean: Tensor
    variance: Tensor
    #: The part of a batch that is normalised, whose statistics are those of the whole batch.
    part: Part | None = None

    def __init__(
        self,
        channels: int,
        dtype: torch.dtype,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        unit: float = 1.0,
    ) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps * unit**2
        self.gamma = nn.Parameter(torch.full((channels,), unit, dtype=dtype))
        self.beta = nn.Parameter(torch.zeros(channels, dtype=dtype))
        self.register_buffer("mean", torch.zeros(channels, dtype=dtype))
        self.register_buffer("variance", torch.full((channels,), unit**2, dtype=dtype))

    def forward(self, weighted: Tensor) -> tuple[Tensor, Tensor]:
        """Return factor and constant from the statistics of a batch; update the running ones.

        Without gradients the running statistics stay unchanged: a rule that runs a layer twice,
        once without gradients, would count it twice. A single value has no variance, so the running
        statistics are used.

        Parameters
        ----------
        weighted : Tensor, shape (batch, channels, *space)
            The mean input of each sample.
        """
        number, part = weighted.numel() // len(self.mean), self.part
        if part is not None:
            number = number // len(part.numbers) * part.batch
        if number == 1:
            return self.running()
        axes = [d for d in range(weighted.ndim) if d != 1]
        # The precision under autocast is too low for sums of squares.
        variance, mean = torch.var_mean(weighted.to(self.mean.dtype), axes, correction=0)
        if part is not None:
            variance, mean = part.moments(variance, mean)
        if torch.is_grad_enabled():
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance * (number / (number - 1)), self.momentum)
        return self._coefficients(mean, variance)

    def running(self) -> tuple[Tensor, Tensor]:
        """Return factor and constant from the running statistics, ``(channels,)`` each."""
        return self._coefficients(self.mean, self.variance)

    def _coefficients(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        scale = self.gamma * torch.rsqrt(variance + self.eps)
        return scale, self.beta - scale * mean
