"""A constraint on how much neurons fire, as a part of the loss.

The spike-count paper (Wu et al. 2019) promises to put latency, spike rate and hardware into the
training; how is not in its abstract. Latency is the T that a network is trained with, hardware is
`brianbridge.twin.quantisation`; for the rate the formula is ours. With ``r`` the mean spike
value of a population in a step, over neurons, steps and the batch,

    penalty = weight * sum over populations of (r/rate - 1)**2

for a target, and only where ``r > rate`` for a budget. Its gradient flows as that of the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork

__all__ = ["SpikeRate"]


@dataclass(frozen=True)
class SpikeRate:
    """Keep the rate of populations at a target, or within a budget.

    Parameters
    ----------
    rate : float, or mapping of str to float
        Mean spike value of a neuron in a step: of every population that fires but the output, or
        by population.
    weight : float
        Weight in the loss.
    kind : {"budget", "target"}
        Whether it may be less.

    Raises
    ------
    InputError
        If an option is out of range.

    Examples
    --------
    >>> counts = {"hidden": torch.tensor([[4.0, 0.0]])}      # of 10 steps: 0.2 a step
    >>> SpikeRate(rate={"hidden": 0.1}, weight=0.5).penalty(counts, steps=10)
    tensor(0.5000)
    """

    rate: float | Mapping[str, float] = 0.1
    weight: float = 1.0
    kind: Literal["budget", "target"] = "budget"

    def __post_init__(self) -> None:
        rates = self.rate.values() if isinstance(self.rate, Mapping) else [self.rate]
        good = {
            "rate": all(0 < rate < float("inf") for rate in rates),
            "weight": 0 <= self.weight < float("inf"),
            "kind": self.kind in ("budget", "target"),
        }
        for name, fine in good.items():
            if not fine:
                raise InputError(f"spike_rate: {name} = {getattr(self, name)!r} is out of range")

    def rates(self, network: SpikingNetwork) -> dict[str, float]:
        """Return the rate of each population that has one.

        Raises
        ------
        InputError
            If there is no such population that fires, or none at all.
        """
        firing = [p.name for p in network.firing]
        if isinstance(self.rate, Mapping):
            chosen = dict(self.rate)
        else:
            chosen = {name: self.rate for name in firing if name != network.output.name}
        for name in chosen:
            if name not in firing:
                raise InputError(
                    f"spike_rate: no population '{name}' fires. " + did_you_mean(name, firing)
                )
        if not chosen:
            raise InputError(
                "spike_rate: no population fires before the output, or none is named; leave it out"
            )
        return chosen

    def penalty(self, counts: Mapping[str, Tensor], steps: int) -> Tensor:
        """Return what is added to the loss.

        Parameters
        ----------
        counts : mapping of str to Tensor, shape (batch, *shape)
            Summed spike values, with the gradient of a rule; of the populations of `rates`.
        steps : int
            Steps of a presentation, T.
        """
        wanted = self.rate if isinstance(self.rate, Mapping) else dict.fromkeys(counts, self.rate)
        excess = [counts[name].mean() / (steps * rate) - 1 for name, rate in wanted.items()]
        if self.kind == "budget":
            excess = [e.clamp(min=0) for e in excess]
        return self.weight * torch.stack(excess).square().sum()
