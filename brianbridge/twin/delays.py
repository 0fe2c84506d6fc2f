"""Deliver spikes through synapses that have a delay each.

There are two ways, with the same result. If the spikes of a whole presentation are known, each
spike is added at once where and when it arrives: the cost follows the number of spikes and not the
number of different delays. Only the gradient of the spikes takes a product for each delay, since
silent neurons have one, too. In a network with loops (`Arrivals`), the spikes of a step are
multiplied once with all weights, sorted by delay.

In both, the spikes that arrive in one step are added in the order in which Brian2 delivers them:
those that were emitted first come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.network.connections import Pairs
from brianbridge.twin.sparse import SparseProduct
from brianbridge.twin.transforms import transforms_are_active

__all__ = ["Arrivals", "DelayedSynapses", "shifted"]

#: Weighted spikes that are held at a time.
_CHUNK = 4_000_000
#: The gradient of the spikes uses full matrices of at most so many elements.
_LARGEST_MATRIX = 2**20


def shifted(raster: Tensor, steps: int) -> Tensor:
    """Return a raster ``(T, ...)`` delayed by some steps. Spikes after the end are lost."""
    if not steps:
        return raster
    silent = raster.new_zeros((min(steps, len(raster)), *raster.shape[1:]))
    return torch.cat([silent, raster[: len(raster) - len(silent)]])


class DelayedSynapses(nn.Module):
    """Deliver weighted spikes, each synapse after its own delay.

    Parameters
    ----------
    pairs : Pairs
        The synapses.
    sources, targets : int
        Numbers of neurons.

    Examples
    --------
    >>> synapses = DelayedSynapses(Pairs(np.array([0, 0]), np.array([0, 1]), np.arange(2)), 1, 2)
    >>> spikes = torch.tensor([[[1.0]], [[0.0]], [[0.0]]])                # (T, batch, sources)
    >>> synapses(torch.tensor([0.5, 2.0]), torch.tensor([0, 2]), spikes)[:, 0]
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000],
            [0.0000, 2.0000]])
    """

    def __init__(self, pairs: Pairs, sources: int, targets: int) -> None:
        super().__init__()
        self.sources, self.targets = sources, targets
        order = np.argsort(pairs.source, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(pairs.source, minlength=sources))])
        for name, values in (
            ("source", pairs.source), ("target", pairs.target), ("element", pairs.element),
            ("order", order), ("starts", starts),
        ):  # fmt: skip
            tensor = torch.as_tensor(values.astype(np.int64))
            self.register_buffer(f"_{name}", tensor, persistent=False)

    def each(self, weight: Tensor) -> Tensor:
        """Return the weight of each synapse, ``(synapses,)``."""
        return weight.flatten()[self.get_buffer("_element")]

    def forward(self, weight: Tensor, steps: Tensor, spikes: Tensor) -> Tensor:
        """Return the input that arrives in each step, ``(T, batch, targets)``.

        Parameters
        ----------
        weight : Tensor, shape (synapses,)
            The weights.
        steps : Tensor of int, shape (synapses,)
            The delays, in steps.
        spikes : Tensor, shape (T, batch, sources)
            The spikes of a presentation. Those that arrive after its end are lost.
        """
        if transforms_are_active():  # these cannot follow the synapses of single spikes
            return self._by_delay(weight, steps, spikes.to(weight.dtype))
        with torch.autocast(spikes.device.type, enabled=False):
            found: Tensor = _Deliver.apply(weight, spikes.to(weight.dtype), steps, self)
        return found

    def _by_delay(self, weight: Tensor, steps: Tensor, spikes: Tensor) -> Tensor:
        source, target = self.get_buffer("_source"), self.get_buffer("_target")
        found = spikes.new_zeros(*spikes.shape[:2], self.targets)
        for delay in steps.unique().tolist():
            chosen = (steps == delay).nonzero()[:, 0]
            each = shifted(spikes, delay)[:, :, source[chosen]] * weight[chosen]
            found = found.index_add(2, target[chosen], each)
        return found

    def arrivals(self, parts: Sequence[tuple[Tensor, Tensor]]) -> Arrivals:
        """Start a presentation whose spikes become known step by step.

        Parameters
        ----------
        parts : sequence of (Tensor, Tensor)
            Weights and delays in steps, each ``(synapses,)``. What they deliver is added.
        """
        weight = torch.cat([w for w, _ in parts])
        steps = torch.cat([s for _, s in parts]).cpu().numpy()
        source, target = (
            np.tile(self.get_buffer(name).cpu().numpy(), len(parts))
            for name in ("_source", "_target")
        )
        return Arrivals(weight, steps, source, target, self.sources, self.targets)

    # ------------------------------------------------------------------ a whole presentation

    def visits(self, steps: Tensor, spikes: Tensor) -> Any:
        """Yield synapse, place in the result, and place in `spikes`, for spikes that arrive."""
        length, batch, _ = spikes.shape
        starts, order = self.get_buffer("_starts"), self.get_buffer("_order")
        emitted = spikes.flatten().nonzero()[:, 0]
        fan_out = starts.diff()[emitted % self.sources]
        parts = max(1, -(-int(fan_out.sum()) // _CHUNK))
        for some, counts in zip(
            emitted.tensor_split(parts), fan_out.tensor_split(parts), strict=True
        ):
            place = some.repeat_interleave(counts)
            first = starts[some % self.sources] - counts.cumsum(0) + counts
            nth = first.repeat_interleave(counts) + torch.arange(len(place), device=place.device)
            synapse = order[nth]
            row = place // self.sources + steps[synapse] * batch
            kept = row < length * batch
            synapse, row, place = synapse[kept], row[kept], place[kept]
            yield synapse, row * self.targets + self.get_buffer("_target")[synapse], place

    def gradient_of_spikes(self, weight: Tensor, steps: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient of the spikes; all spikes have one, also those that are 0."""
        length, batch, targets = gradient.shape
        found = gradient.new_zeros(length, batch, self.sources)
        source, target = self.get_buffer("_source"), self.get_buffer("_target")
        full = self.sources * targets <= _LARGEST_MATRIX
        for delay in steps.unique().tolist():
            if delay >= length:
                continue
            chosen = (steps == delay).nonzero()[:, 0]
            i, j, w = source[chosen], target[chosen], weight[chosen]
            later, out = gradient[delay:], found[: length - delay]
            if full:
                place = i * targets + j
                matrix = w.new_zeros(self.sources * targets).index_add_(0, place, w)
                out += later @ matrix.reshape(self.sources, targets).T
                continue
            size = max(1, _CHUNK // (length * batch))
            for s, t, v in zip(i.split(size), j.split(size), w.split(size), strict=True):
                out.index_add_(2, s, later[:, :, t] * v)
        return found


class _Deliver(torch.autograd.Function):
    """`DelayedSynapses.forward` and its gradients."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, spikes: Tensor, steps: Tensor, synapses: DelayedSynapses
    ) -> Tensor:
        ctx.save_for_backward(weight, spikes, steps)
        ctx.synapses = synapses
        found = spikes.new_zeros(spikes.shape[0] * spikes.shape[1] * synapses.targets)
        for synapse, to, place in synapses.visits(steps, spikes):
            found.index_add_(0, to, weight[synapse] * spikes.flatten()[place])
        return found.reshape(*spikes.shape[:2], synapses.targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        weight, spikes, steps = ctx.saved_tensors
        (gradient,), synapses = gradients, ctx.synapses
        needs_weight, needs_spikes, *_ = ctx.needs_input_grad
        of_weight = None
        if needs_weight:
            of_weight = torch.zeros_like(weight)
            for synapse, to, place in synapses.visits(steps, spikes):
                of_weight.index_add_(0, synapse, gradient.flatten()[to] * spikes.flatten()[place])
        of_spikes = synapses.gradient_of_spikes(weight, steps, gradient) if needs_spikes else None
        return of_weight, of_spikes, None, None


class Arrivals:
    """What arrives in each step of a presentation whose spikes become known step by step.

    Parameters
    ----------
    weight : Tensor, shape (synapses,)
        The weights.
    steps, source, target : numpy.ndarray of int, shape (synapses,)
        Delays in steps, and the neurons at both ends.
    sources, targets : int
        Numbers of neurons.
    """

    def __init__(
        self,
        weight: Tensor,
        steps: np.ndarray,
        source: np.ndarray,
        target: np.ndarray,
        sources: int,
        targets: int,
    ) -> None:
        self._delays, group = np.unique(steps, return_inverse=True)
        self._weight, self._targets = weight, targets
        self._product = SparseProduct(
            source, group * targets + target, sources, len(self._delays) * targets
        ).to(weight.device)
        self._weighted: dict[int, Sequence[Tensor]] = {}

    def at(self, k: int, emitted: Sequence[Tensor]) -> Tensor | None:
        """Return the input that arrives in step `k`, ``(batch, targets)``; None if none can.

        Parameters
        ----------
        k : int
            The step.
        emitted : sequence of Tensor, shape (batch, *source)
            The spikes of all steps so far.
        """
        found: Tensor | None = None
        for group in range(len(self._delays) - 1, -1, -1):
            then = k - int(self._delays[group])
            if then < 0:
                continue
            if then not in self._weighted:
                flat = emitted[then].reshape(len(emitted[then]), -1)
                weighted = self._product(self._weight, flat)
                # Its gradient is one stack; that of `[:, group]` would fill all groups each time.
                self._weighted[then] = weighted.reshape(len(flat), -1, self._targets).unbind(1)
            arriving = self._weighted[then][group]
            found = arriving if found is None else found + arriving
        self._weighted.pop(k - int(self._delays[-1]), None)
        return found
