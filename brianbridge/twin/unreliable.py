"""Synapses of a twin at which spikes may fail to arrive.

In a simulation, each spike fails at each synapse by itself: see `brianbridge.kernels.fates`. In
training, every presentation has draws of its own, and neurons with many synapses have a cheaper
way. The spikes that arrive at one target, and those at another, fail independently, so that the
inputs of a step are independent sums of many independent numbers. They are drawn from the normal
distribution with the mean and the variance of such a sum, ``(1 - p)*sum(w*s)`` and
``p*(1 - p)*sum((w*s)**2)``, where p is the probability of a failure. This is fast dropout (Wang &
Manning, ICML 2013; as remembered).

The gradient of the weights is that of what was drawn. The gradient of the spikes is that of the
mean: each spike counts ``1 - p`` of its weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.kernels.normal_sums import normal_sums, variance_gradient
from brianbridge.kernels.rasters import SpikeRows, only_ones, spike_rows
from brianbridge.kernels.unreliable import UnreliableSynapses
from brianbridge.network import Projection
from brianbridge.twin.delays import shifted
from brianbridge.twin.lag import Arriving
from brianbridge.twin.memory_order import MemoryOrder
from brianbridge.twin.noise import Noise
from brianbridge.twin.transforms import transforms_are_active

__all__ = ["UnreliableWeights"]

#: Synapses of a target from which on its input is drawn as a whole. With fewer, such as those of
#: kernels of 3 x 3, the distribution is far from normal. Padded kernels of 5 x 5 have about 23.
_MANY = 20


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
        failing, pool = projection.failure.probability, projection.pool
        self.arriving = 1 - failing
        #: Variance of what a spike of 1 delivers by a weight of 1.
        self._variance = failing * self.arriving * (1.0 if pool is None else pool.scale)
        # In windows that overlap, a spike may reach a target by two weights, and fails at both.
        apart = pool is None or all(d >= n for d, n in zip(pool.stride, pool.size, strict=True))
        weight, seen = projection.weight.shape, projection.pooled_shape(source)
        synapses = projection.connection.number_of_synapses(weight, seen, target)
        synapses *= 1 if pool is None else math.prod(pool.size)
        self._many = apart and synapses >= _MANY * math.prod(target)
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
    def over_time(
        self, deliver: Callable[..., list[Tensor]], noise: Noise | None, first: int,
        raster: Tensor, weight: Tensor, *, training: bool,
    ) -> Tensor:  # fmt: skip
        """Return the input of each step, ``(T, batch, *target)``.

        Parameters
        ----------
        deliver : callable
            Returns the input if all spikes arrive, from a raster and one or more weights. The
            gradient of the spikes is that by the first of them.
        noise : Noise or None
            Decides which spikes fail; fresh if None.
        first : int
            The step of the presentation in which the first spikes arrive.
        raster : Tensor, shape (T, batch, *source)
            The spikes.
        weight : Tensor
            The weights, of the shape of the projection's.
        training : bool
            Whether the twin is in training mode.
        """
        noise = noise or Noise.fresh(raster.shape[1])
        if self._many and training and noise.own:
            weights = self.arriving * weight, self._variance * weight.square()
            squared = _squared(raster)
            if squared is None:
                mean, variance = deliver(raster, *weights)
            else:
                (mean,), (variance,) = deliver(raster, weights[0]), deliver(squared, weights[1])
            return self._drawn(mean, variance, noise, first).to(weight.dtype)
        parts = [
            _deliver(synapses, weight, shifted(raster, delay), noise, first)
            for delay, synapses in self._groups.items()
        ]
        found = sum(parts[1:], parts[0]).view(*raster.shape[:2], *self._target)
        if raster.requires_grad and torch.is_grad_enabled():
            return self._with_mean(found, deliver(raster, weight.detach())[0])
        return found

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def arrivals(
        self, start: Callable[[Tensor], Arriving], later: int, noise: Noise | None, first: int,
        weight: Tensor, *, training: bool,
    ) -> Arriving:  # fmt: skip
        """Start a presentation whose spikes become known step by step.

        Parameters
        ----------
        start : callable
            Does so if all spikes arrive, from weights.
        later : int
            Steps after which all spikes arrive, on top of the delays of single synapses.
        noise, first, weight, training
            As in `over_time`.
        """
        sums = self._many and training and (noise is None or noise.own)
        means = start(self.arriving * weight if sums else weight.detach())
        variances = start(self._variance * weight.square()) if sums else None

        def arriving(k: int, emitted: Sequence[Tensor]) -> Tensor | None:
            nonlocal noise
            mean = means(k, emitted)
            if mean is None:
                return None
            noise = noise or Noise.fresh(len(emitted[0]))
            if variances is not None:
                variance = variances(k, _Squares(emitted))
                assert variance is not None
                drawn = self._drawn(mean[None], variance[None], noise, first + k)[0]
                return drawn.to(weight.dtype)
            found = torch.zeros_like(mean).flatten(1)
            for delay, synapses in self._groups.items():
                if k >= later + delay:
                    sent = emitted[k - later - delay][None]
                    found = found + _deliver(synapses, weight, sent, noise, first + k)[0]
            return self._with_mean(found.view(mean.shape), mean)

        return arriving

    def _with_mean(self, value: Tensor, all_arrived: Tensor) -> Tensor:
        """Return a value whose gradient to the spikes is that of what arrives on average."""
        if not all_arrived.requires_grad:
            return value
        mean = self.arriving * all_arrived
        return value + (mean - mean.detach())

    def _drawn(self, mean: Tensor, variance: Tensor, noise: Noise, first: int) -> Tensor:
        """Return sums drawn from their normal distribution, ``(T, batch, *target)``."""
        _refuse_transforms()
        synapses = next(iter(self._groups.values()))
        keys = _keys(synapses, noise, range(first, first + len(mean)))
        real = torch.float64 if mean.dtype == torch.float64 else torch.float32
        with torch.autocast(mean.device.type, enabled=False):
            found: Tensor = _NormalSums.apply(mean.to(real), variance.to(real), keys)
        return found


class _Squares(Sequence[Tensor]):
    """The squares of spikes, each computed when it is read, without their gradient."""

    def __init__(self, spikes: Sequence[Tensor]) -> None:
        self._spikes = spikes

    def __len__(self) -> int:
        return len(self._spikes)

    @overload
    def __getitem__(self, k: int) -> Tensor: ...

    @overload
    def __getitem__(self, k: slice) -> Sequence[Tensor]: ...

    def __getitem__(self, k: int | slice) -> Tensor | Sequence[Tensor]:
        if isinstance(k, slice):
            return _Squares(self._spikes[k])
        squared = _squared(self._spikes[k])
        return self._spikes[k].detach() if squared is None else squared


def _squared(spikes: Tensor) -> Tensor | None:
    """Return the squares of spikes, without their gradient; None if all spikes are 1."""
    spikes = spikes.detach()
    if spikes.device.type == "cpu" and spikes.dtype in (torch.float32, torch.float64):
        in_memory = MemoryOrder.of(spikes[None], tuple(spikes.shape)).flat(spikes)
        if only_ones(in_memory):
            return None
    return spikes.square()


def _refuse_transforms() -> None:
    if transforms_are_active():
        raise InputError(
            "torch.func cannot transform spikes that fail to arrive; remove the failure of the "
            "projections"
        )


def _keys(synapses: UnreliableSynapses, noise: Noise, steps: range) -> np.ndarray:
    """Return the keys of all samples in some steps, ``(steps*samples,)``."""
    seed = noise.seed if noise.own else 0
    found = [synapses.keys(noise.numbers, step, seed) for step in steps]
    return np.concatenate([np.empty(0, np.uint64), *found])


def _deliver(
    synapses: UnreliableSynapses, weight: Tensor, raster: Tensor, noise: Noise, first: int
) -> Tensor:
    _refuse_transforms()
    keys = _keys(synapses, noise, range(first, first + len(raster)))
    flat = raster.detach().to(weight.dtype).reshape(len(keys), synapses.sources)
    spikes = spike_rows(np.ascontiguousarray(flat.cpu().numpy()))
    with torch.autocast(weight.device.type, enabled=False):
        found: Tensor = _Deliver.apply(weight, synapses, spikes, keys)
    return found.reshape(*raster.shape[:2], synapses.targets)


class _NormalSums(torch.autograd.Function):
    """`normal_sums` in each step, ``(T, batch, *target)``, and its gradient."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, variance: Tensor, keys: np.ndarray) -> Tensor:
        ctx.keys, ctx.order = keys, MemoryOrder.of(mean, tuple(mean.shape[1:]))
        ctx.save_for_backward(variance)
        means, variances = (_rows(x, ctx.order, keys) for x in (mean, variance))
        return _shaped(normal_sums(means, variances, keys), ctx.order, mean)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (gradient,), (variance,), order = gradients, ctx.saved_tensors, ctx.order
        if not ctx.needs_input_grad[1]:
            return gradient, None, None
        slopes, variances = (_rows(x, order, ctx.keys) for x in (gradient, variance))
        found = variance_gradient(slopes, variances, ctx.keys)
        return gradient, _shaped(found, order, gradient), None


def _rows(values: Tensor, order: MemoryOrder, keys: np.ndarray) -> np.ndarray:
    """Return ``(T*batch, targets)``; the targets are in the order of memory."""
    targets = math.prod(values.shape[2:])
    return order.flat(values.detach().cpu(), 1).reshape(len(keys), targets)


def _shaped(rows: np.ndarray, order: MemoryOrder, like: Tensor) -> Tensor:
    found = torch.from_numpy(rows).view(len(like), order.neurons)
    return order.shaped(found, (len(like),)).to(like.device)


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
