"""Synapses of a twin at which spikes may fail to arrive.

Each spike fails at each synapse as it does in a simulation of the network: see
`brianbridge.kernels.fates`. In training, every presentation has draws of its own.

The gradient of the weights is that of what was drawn. The gradient of the spikes is that of the
mean, which is cheaper: each spike counts ``1 - probability`` of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.kernels.rasters import SpikeRows, spike_rows
from brianbridge.kernels.unreliable import UnreliableSynapses
from brianbridge.network import Projection
from brianbridge.twin.delays import shifted
from brianbridge.twin.lag import Arriving
from brianbridge.twin.noise import Noise
from brianbridge.twin.transforms import transforms_are_active

__all__ = ["UnreliableWeights"]


class UnreliableWeights:
    """Deliver the spikes of a projection that has a `brianbridge.network.Failure`.

    Parameters
    ----------
    projection : Projection
        The projection.
    source, target : tuple of int
        Shapes of the populations.
    dt : float
        Length of a step in seconds, for synapses with individual delays.

    Raises
    ------
    InputError
        If the delays are learned.
    """

    def __init__(
        self, projection: Projection, source: tuple[int, ...], target: tuple[int, ...], dt: float
    ) -> None:
        assert projection.failure is not None
        if projection.longest_delay is not None:
            raise InputError(
                f"projection '{projection.name}' learns its delays, but its spikes fail to arrive; "
                "leave out the failure, or longest_delay"
            )
        self._target = target
        self.arriving = 1 - projection.failure.probability
        delays = projection.connection.delays
        self._groups: dict[int, UnreliableSynapses] = {}
        if delays is None:
            self._groups[0] = UnreliableSynapses(projection, source, target)
            return
        steps = np.rint(delays / dt).astype(np.int64)
        for delay in np.unique(steps).tolist():
            chosen = np.flatnonzero(steps == delay)
            self._groups[delay] = UnreliableSynapses(projection, source, target, chosen)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def over_time(self, weight: Tensor, raster: Tensor, noise: Noise | None, first: int) -> Tensor:
        """Return the input of each step, ``(T, batch, *target)``, with no gradient of spikes.

        Parameters
        ----------
        weight : Tensor
            The weights, of the shape of the projection's.
        raster : Tensor, shape (T, batch, *source)
            The spikes.
        noise : Noise or None
            Decides which spikes fail; fresh if None.
        first : int
            The step of the presentation in which the first spikes arrive.
        """
        noise = noise or Noise.fresh(raster.shape[1])
        parts = [
            _deliver(synapses, weight, shifted(raster, delay), noise, first)
            for delay, synapses in self._groups.items()
        ]
        return sum(parts[1:], parts[0]).view(*raster.shape[:2], *self._target)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def arrivals(
        self, weight: Tensor, later: int, all_arriving: Arriving, noise: Noise | None, first: int
    ) -> Arriving:
        """Start a presentation whose spikes become known step by step.

        Parameters
        ----------
        weight, noise, first
            As in `over_time`.
        later : int
            Steps after which all spikes arrive, on top of the delays of single synapses.
        all_arriving : callable
            Returns what would arrive if none failed.
        """

        def arriving(k: int, emitted: Sequence[Tensor]) -> Tensor | None:
            nonlocal noise
            all_arrived = all_arriving(k, emitted)
            if all_arrived is None:
                return None
            noise = noise or Noise.fresh(len(emitted[0]))
            found = torch.zeros_like(all_arrived).flatten(1)
            for delay, synapses in self._groups.items():
                if k >= later + delay:
                    sent = emitted[k - later - delay][None]
                    found = found + _deliver(synapses, weight, sent, noise, first + k)[0]
            return self.with_mean(found.view(all_arrived.shape), all_arrived)

        return arriving

    def with_mean(self, value: Tensor, all_arrived: Tensor) -> Tensor:
        """Return a value whose gradient to the spikes is that of what arrives on average.

        Parameters
        ----------
        value : Tensor
            What arrives.
        all_arrived : Tensor
            What would arrive if none failed, with the gradient of the spikes alone.
        """
        if not all_arrived.requires_grad:
            return value
        mean = self.arriving * all_arrived
        return value + (mean - mean.detach())


def _deliver(
    synapses: UnreliableSynapses, weight: Tensor, raster: Tensor, noise: Noise, first: int
) -> Tensor:
    if transforms_are_active():
        raise InputError(
            "torch.func cannot transform spikes that fail to arrive; remove the failure of the "
            "projections"
        )
    seed = noise.seed if noise.own else 0
    steps = [synapses.keys(noise.numbers, first + k, seed) for k in range(len(raster))]
    keys = np.concatenate([np.empty(0, np.uint64), *steps])
    flat = raster.detach().to(weight.dtype).reshape(len(keys), synapses.sources)
    spikes = spike_rows(np.ascontiguousarray(flat.cpu().numpy()))
    with torch.autocast(weight.device.type, enabled=False):
        found: Tensor = _Deliver.apply(weight, synapses, spikes, keys)
    return found.reshape(*raster.shape[:2], synapses.targets)


class _Deliver(torch.autograd.Function):
    """`UnreliableSynapses.sums` and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, synapses: UnreliableSynapses, spikes: SpikeRows, keys: np.ndarray
    ) -> Tensor:
        ctx.synapses, ctx.spikes, ctx.keys = synapses, spikes, keys
        values = weight.detach().cpu().numpy()
        return torch.from_numpy(synapses.sums(values, spikes, keys, threads=True)).to(weight.device)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        gradient = np.ascontiguousarray(gradients[0].cpu().numpy())
        found = ctx.synapses.weight_gradient(gradient, ctx.spikes, ctx.keys)
        return torch.from_numpy(found).to(gradients[0].device), None, None, None
