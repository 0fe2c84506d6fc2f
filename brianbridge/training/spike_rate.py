"""A constraint on the spike rate of populations, as a part of the loss.

The spike-count paper (Wu et al. 2019) announces constraints on latency, spike rate and hardware;
its abstract does not say how. Here latency is the number of steps T of the training, and hardware
is `brianbridge.twin.quantisation`. The formula for the rate is ours. With ``r`` the mean spike
value of a population per step, over neurons, steps and the batch, the penalty of a target is

    penalty = weight * sum over populations of (r/rate - 1)**2

A budget counts only populations with ``r > rate``. The penalty has the gradient of the rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork
from brianbridge.schema import check_options

__all__ = ["SpikeRate"]


@dataclass(frozen=True)
class SpikeRate:
    """Keep the spike rate of populations at a target or within a budget.

    Parameters
    ----------
    rate : float, or mapping of str to float
        Mean spike value of a neuron per step, by population. A single number applies to every
        population that fires, except the output.
    weight : float
        Weight of the penalty in the loss.
    kind : {"budget", "target"}
        Whether a lower rate is allowed (``"budget"``) or penalised too (``"target"``).

    Raises
    ------
    InputError
        If an option has the wrong type or is out of range.

    Examples
    --------
    >>> counts = {"hidden": torch.tensor([[4.0, 0.0]])}      # 10 steps: 0.2 per step
    >>> SpikeRate(rate={"hidden": 0.1}, weight=0.5).penalty(counts, steps=10)
    tensor(0.5000)
    """

    rate: PositiveFloat | Mapping[str, PositiveFloat] = 0.1
    weight: NonNegativeFloat = 1.0
    kind: Literal["budget", "target"] = "budget"

    def __post_init__(self) -> None:
        check_options(self, "spike_rate")
        rates = self.rate.values() if isinstance(self.rate, Mapping) else [self.rate]
        for name, valid in (
            ("rate", all(0 < rate < math.inf for rate in rates)),
            ("weight", self.weight < math.inf),
        ):
            if not valid:
                raise InputError(
                    f"spike_rate: {name} = {getattr(self, name)!r} is out of range; give finite "
                    "numbers above 0"
                )

    def rates(self, network: SpikingNetwork) -> dict[str, float]:
        """Return the rate of each constrained population.

        Raises
        ------
        InputError
            If a population does not exist or does not fire, or if none remains.
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
                "spike_rate: no population before the output fires, or none is named; leave it out"
            )
        return chosen

    def penalty(
        self,
        counts: Mapping[str, Tensor],
        steps: float,
        over_batch: Callable[[Tensor], Tensor] = lambda mean: mean,
    ) -> Tensor:
        """Return the penalty that is added to the loss.

        Parameters
        ----------
        counts : mapping of str to Tensor, shape (batch, *shape)
            Summed spike values of the populations of `rates`, with the gradient of a rule.
        steps : float
            Number of steps in which these spikes were emitted: T for a whole presentation.
        over_batch : callable
            Returns the mean over a whole batch from that over the samples given
            (`NetworkTwin.batch_mean`); these are the whole batch if not given.
        """
        wanted = self.rate if isinstance(self.rate, Mapping) else dict.fromkeys(counts, self.rate)
        means = {name: over_batch(counts[name].mean()) for name in wanted}
        excess = [means[name] / (steps * rate) - 1 for name, rate in wanted.items()]
        if self.kind == "budget":
            excess = [e.clamp(min=0) for e in excess]
        return self.weight * torch.stack(excess).square().sum()
