"""Apply the weights of listed synapses in torch; the cost follows the number of spikes.

torch's own sparse product builds the matrix anew in every step, and computes the gradient of its
weights by a dense product. Here the structure is sorted once. If few neurons spike,
only their synapses are visited, forward and for the gradient of the weights; if many do, a
compressed matrix is used. The gradient of the spikes needs every synapse in both cases, because a
surrogate gradient passes through silent neurons. If many of all pairs are connected, both gradients
are products with a full matrix; the forward product adds up in the order of the list in any case.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.network.connections import Pairs
from brianbridge.twin.transforms import transforms_are_active

__all__ = ["ListedWeights", "SparseProduct"]

#: Elements that the gradient of the weights holds at a time.
_CHUNK = 4_000_000
#: Gradients use a full matrix of at most so many elements, if so large a share is connected.
_LARGEST_MATRIX, _SHARE = 2**24, 1 / 32


class ListedWeights(nn.Module):
    """Apply weights to spikes by a list of synapses, which may share weights.

    Parameters
    ----------
    pairs : Pairs
        The synapses.
    weights : int
        Number of weights.
    sources, targets : int
        Numbers of neurons.

    Examples
    --------
    >>> ring = Pairs(np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([0, 0, 0]))
    >>> ListedWeights(ring, 1, 3, 3)(torch.tensor([0.5]), torch.eye(3))
    tensor([[0.0000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.5000],
            [0.5000, 0.0000, 0.0000]])
    """

    _element: Tensor | None

    def __init__(self, pairs: Pairs, weights: int, sources: int, targets: int) -> None:
        super().__init__()
        self._product = SparseProduct(pairs.source, pairs.target, sources, targets)
        shared = not np.array_equal(pairs.element, np.arange(weights))
        element = torch.as_tensor(pairs.element.astype(np.int64)) if shared else None
        self.register_buffer("_element", element, persistent=False)

    def forward(self, weight: Tensor, x: Tensor) -> Tensor:
        """Return ``(batch, targets)`` for x of shape ``(batch, *source)``."""
        each = weight.flatten()
        if self._element is not None:
            each = each[self._element]
        weighted: Tensor = self._product(each, x.reshape(len(x), math.prod(x.shape[1:])))
        return weighted


class SparseProduct(nn.Module):
    """Multiply spikes with the weights of listed synapses.

    Parameters
    ----------
    source, target : numpy.ndarray of int, shape (synapses,)
        Flat indices of the connected neurons, in any order. A pair may occur several times.
    sources, targets : int
        Numbers of neurons.

    Examples
    --------
    >>> product = SparseProduct(np.array([0, 1]), np.array([2, 2]), 2, 3)
    >>> product(torch.tensor([0.5, 4.0]), torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    tensor([[0.0000, 0.0000, 0.5000],
            [0.0000, 0.0000, 4.5000]])
    """

    #: Element of the full matrix ``(sources, targets)`` for each synapse, sorted by source.
    _place: Tensor | None

    def __init__(self, source: np.ndarray, target: np.ndarray, sources: int, targets: int) -> None:
        super().__init__()
        self.sources, self.targets = sources, targets
        source, target = source.astype(np.int64), target.astype(np.int64)
        for name, rows, columns, number in (
            ("by_source", source, target, sources),
            ("by_target", target, source, targets),
        ):
            order = np.lexsort((columns, rows))
            starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=number))])
            for what, values in (
                ("order", order), ("starts", starts), ("ends", columns[order])
            ):  # fmt: skip
                tensor = torch.as_tensor(values.astype(np.int64))
                self.register_buffer(f"{name}_{what}", tensor, persistent=False)
        order, pairs = np.lexsort((target, source)), sources * targets
        full = pairs <= _LARGEST_MATRIX and len(order) >= _SHARE * pairs
        place = torch.as_tensor((source * targets + target)[order]) if full else None
        self.register_buffer("_place", place, persistent=False)

    def forward(self, weight: Tensor, x: Tensor) -> Tensor:
        """Return ``(batch, targets)``; weight has shape ``(synapses,)``, x ``(batch, sources)``."""
        if transforms_are_active():  # these cannot follow the synapses of single spikes
            order = self.get_buffer("by_source_order")
            source = torch.repeat_interleave(self.get_buffer("by_source_starts").diff())
            each = x.to(weight.dtype)[:, source] * weight[order]
            none = each.new_zeros(len(x), self.targets)
            return none.index_add(1, self.get_buffer("by_source_ends"), each)
        # torch has no sparse product in bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            result: Tensor = _Product.apply(weight, x.to(weight.dtype), self)
        return result

    # ------------------------------------------------------------------ the three products

    def deliver(self, weight: Tensor, x: Tensor) -> Tensor:
        """Return the weighted spikes, ``(batch, targets)``."""
        found = self._active_synapses(x)
        if found is None:
            return self._compressed("by_target", weight, x, self.sources)
        row, synapse, value = found
        delivered = weight[self.get_buffer("by_source_order")[synapse]] * value
        where = row * self.targets + self.get_buffer("by_source_ends")[synapse]
        flat = x.new_zeros(len(x) * self.targets).index_add_(0, where, delivered)
        return flat.reshape(len(x), self.targets)

    def gradient_of_spikes(self, weight: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient of the spikes, ``(batch, sources)``."""
        if self._place is not None:
            each = weight[self.get_buffer("by_source_order")]
            flat = each.new_zeros(self.sources * self.targets).index_add_(0, self._place, each)
            return gradient @ flat.reshape(self.sources, self.targets).T
        return self._compressed("by_source", weight, gradient, self.targets)

    def gradient_of_weights(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Return the gradient of the weights, ``(synapses,)``."""
        order, ends = self.get_buffer("by_source_order"), self.get_buffer("by_source_ends")
        sums = x.new_zeros(len(order))
        found = self._active_synapses(x) if self._place is None else None
        if self._place is not None:
            sums = (x.T @ gradient).flatten()[self._place]
        elif found is not None:
            row, synapse, value = found
            sums.index_add_(0, synapse, gradient[row, ends[synapse]] * value)
        else:
            starts = self.get_buffer("by_source_starts")
            source = torch.repeat_interleave(starts.diff())
            size = max(1, _CHUNK // max(1, len(x)))
            sums = torch.cat([
                (gradient[:, t] * x[:, s]).sum(0)
                for s, t in zip(source.split(size), ends.split(size), strict=True)
            ])  # fmt: skip
        return torch.empty_like(sums).index_copy_(0, order, sums)

    def _active_synapses(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return row, synapse (sorted by source) and spike value for all synapses with a spike.

        Return None if it is quicker to visit all synapses.
        """
        starts = self.get_buffer("by_source_starts")
        row, source = x.nonzero(as_tuple=True)
        counts = starts.diff()[source]
        ends = counts.cumsum(0)
        number = int(ends[-1]) if len(ends) else 0
        if number > starts[-1]:
            return None
        event = torch.repeat_interleave(counts, output_size=number)
        synapse = torch.arange(number, device=x.device) + (starts[source] - ends + counts)[event]
        return row[event], synapse, x[row, source][event]

    def _compressed(self, name: str, weight: Tensor, x: Tensor, columns: int) -> Tensor:
        order, starts, ends = (self.get_buffer(f"{name}_{w}") for w in ("order", "starts", "ends"))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            matrix = torch.sparse_csr_tensor(
                starts, ends, weight[order], (len(starts) - 1, columns), check_invariants=False
            )
        return (matrix @ x.T).T


class _Product(torch.autograd.Function):
    """`SparseProduct` and its gradients."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Tensor, product: SparseProduct) -> Tensor:
        ctx.save_for_backward(weight, x)
        ctx.product = product
        return product.deliver(weight, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        weight, x = ctx.saved_tensors
        needs_weight, needs_x, _ = ctx.needs_input_grad
        return (
            ctx.product.gradient_of_weights(gradients[0], x) if needs_weight else None,
            ctx.product.gradient_of_spikes(weight, gradients[0]) if needs_x else None,
            None,
        )
