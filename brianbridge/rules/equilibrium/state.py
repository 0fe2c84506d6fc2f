"""Mean rates of a feedback network at its equilibrium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from brianbridge.network import Projection
from brianbridge.rules.layerwise import summed_input
from brianbridge.twin.network import NetworkTwin

__all__ = ["Equilibrium", "mean_rate"]


def mean_rate(spikes: Tensor, leak: float) -> Tensor:
    """Return the mean of spikes ``(T, ...)`` over the steps, weighted by ``leak**(T - 1 - t)``.

    Examples
    --------
    >>> mean_rate(torch.tensor([1.0, 0.0, 1.0]), leak=0.5)
    tensor(0.7143)
    """
    steps = len(spikes)
    if leak == 1:
        return spikes.sum(0) / steps
    weight = leak ** torch.arange(steps - 1, -1, -1, dtype=spikes.dtype, device=spikes.device)
    return torch.tensordot(weight / weight.sum(), spikes, dims=1)


@dataclass(frozen=True)
class Equilibrium:
    """Mean rates of a network over one presentation, and their derivatives.

    Rates and counts include dropout, as the targets of a population receive them.

    Parameters
    ----------
    rates : mapping of str to Tensor, shape (batch, *shape)
        Mean rates of the input and of all populations that fire.
    slope : mapping of str to Tensor, shape (batch, *shape)
        Derivative of each population's rates with respect to their mean input: ``m/U``, times the
        factor of the dropout.
    counts : mapping of str to Tensor, shape (batch, *shape)
        Summed spikes of each population that fires.
    output : Tensor, shape (batch, classes)
        Mean potential of the output, from which the loss is computed.
    metrics : dict of str to float
        Measurements, filled in during the forward and the backward pass.
    """

    rates: Mapping[str, Tensor]
    slope: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    output: Tensor
    metrics: dict[str, float] = field(default_factory=dict)

    def mean_inputs(self, twin: NetworkTwin, rates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the mean input per step of each population at given rates, ``(batch, *shape)``."""

        def mean_of(projection: Projection) -> Tensor:
            return rates[projection.source]

        return {name: summed_input(twin, name, mean_of) for name in self.slope}
