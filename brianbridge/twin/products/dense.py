"""The product of spikes and a matrix of weights, as an operator of torch.

Forward, and for the gradient of the weights, only the rows of spikes are added. The gradient of the
spikes is a dense product, because a surrogate gradient passes through silent neurons, too. Above an
activity that is measured once per machine (`brianbridge.kernels.costs`), all are dense products.
"""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from brianbridge.kernels.costs import crossover
from brianbridge.kernels.memory import reused
from brianbridge.twin.products.kept_spikes import KeptSpikes
from brianbridge.twin.products.row_sums import product, weight_gradient
from brianbridge.twin.products.spike_lists import SpikeLists, by_column, by_row
from brianbridge.twin.transforms import runs_compiled

__all__ = ["product_of_gradient", "spike_product"]

#: Multiplications from which on spikes are looked for, and the fewest targets whose rows are added.
_WORTHWHILE, _TARGETS = 4_000_000, 32
#: Most rows, samples in all steps, of an example whose costs are measured.
_ROWS = 2048


def spike_product(spikes: Tensor, weight: Tensor) -> Tensor:
    """Return ``spikes @ weight.T``, at a cost that follows the number of spikes.

    Parameters
    ----------
    spikes : Tensor, shape (rows, sources)
        Spike values, most of them 0.
    weight : Tensor, shape (targets, sources)
        Their weights.

    Returns
    -------
    Tensor, shape (rows, targets)

    Examples
    --------
    >>> spike_product(torch.eye(2), torch.tensor([[1.0, 2], [3, 4]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    if not _applies(spikes, weight):
        return F.linear(spikes, weight)
    kept = KeptSpikes(spikes)
    with torch.autograd.graph.saved_tensors_hooks(kept.keep, kept.again):
        result: Tensor = _product(spikes, weight)[0]
    return result


def _applies(spikes: Tensor, weight: Tensor) -> bool:
    learns = weight.requires_grad and torch.is_grad_enabled()
    return (
        spikes.numel() * len(weight) >= _WORTHWHILE
        and (learns or len(weight) >= _TARGETS)  # otherwise nobody would read the lists
        and (spikes.device, spikes.dtype) == (weight.device, weight.dtype)
        and runs_compiled(spikes)
        and not torch.is_autocast_enabled("cpu")
    )


@torch.library.custom_op("brianbridge::spike_product", mutates_args=())
def _product(spikes: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the product, and the lists of spikes; these are empty if it was a dense product."""
    x = spikes.detach().contiguous().numpy()
    lists = _lists(x, len(weight))
    if lists is None:
        whole = _dense(spikes, weight.t())
        return whole, torch.empty(0), torch.empty(0), torch.empty(0)
    tensor = torch.from_numpy
    if len(weight) < _TARGETS:  # only the gradient of the weights takes the lists
        found = _dense(spikes, weight.t())
    else:
        found = tensor(product(lists, weight.detach().contiguous().numpy()))
    return found, tensor(lists.start), tensor(lists.place), tensor(lists.value)


@torch.library.custom_op("brianbridge::spike_product_weight_gradient", mutates_args=())
def _weight_gradient(
    gradient: Tensor, spikes: Tensor, start: Tensor, place: Tensor, value: Tensor
) -> Tensor:
    """Return the gradient of the weights from that of the product, and the lists of spikes."""
    if not start.numel():
        return _dense(gradient.t(), spikes)
    lists = SpikeLists(start.numpy(), place.numpy(), value.numpy(), (len(spikes), spikes.shape[1]))
    given = gradient.detach().contiguous().numpy()
    return torch.from_numpy(weight_gradient(by_column(lists), given))


@torch.library.custom_op("brianbridge::spike_product_spike_gradient", mutates_args=())
def _spike_gradient(gradient: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of the spikes, also of silent neurons."""
    return _dense(gradient, weight)


def product_of_gradient(gradient: Tensor, spikes: Tensor) -> Tensor:
    """Return ``gradient.T @ spikes``, at a cost that follows the number of spikes.

    Parameters
    ----------
    gradient : Tensor, shape (rows, targets)
        Gradient of what the targets receive.
    spikes : Tensor, shape (rows, sources)
        Spike values.

    Returns
    -------
    Tensor, shape (targets, sources)
        The gradient of the weights. It has no gradient itself.

    Examples
    --------
    >>> product_of_gradient(torch.tensor([[1.0], [2.0]]), torch.eye(2))
    tensor([[1., 2.]])
    """
    lists = None
    if spikes.numel() * gradient.shape[1] >= _WORTHWHILE:
        lists = _lists(spikes.detach().contiguous().numpy(), gradient.shape[1])
    if lists is None:
        return gradient.detach().t() @ spikes.detach()
    given = gradient.detach().contiguous().numpy()
    return torch.from_numpy(weight_gradient(by_column(lists), given))


def _lists(x: np.ndarray, targets: int) -> SpikeLists | None:
    """List spikes by row; return None if dense products are quicker."""
    rows, sources = x.shape
    about = min(_ROWS, 2 ** math.ceil(math.log2(max(1, rows))))
    return by_row(x, partial(_limit, about, sources, targets, x.dtype.name))


def _dense(a: Tensor, b: Tensor) -> Tensor:
    found = torch.from_numpy(reused((len(a), b.shape[1]), a.detach()[:0, :0].numpy().dtype))
    return torch.mm(a, b, out=found)


@_product.register_fake
def _(spikes: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    context = torch.library.get_ctx()
    lists, found = context.new_dynamic_size(), context.new_dynamic_size()
    return (
        spikes.new_empty(len(spikes), len(weight)),
        spikes.new_empty(lists, dtype=torch.int64),
        spikes.new_empty(found, dtype=torch.uint16),
        spikes.new_empty(context.new_dynamic_size()),
    )


@_weight_gradient.register_fake
def _(gradient: Tensor, spikes: Tensor, start: Tensor, place: Tensor, value: Tensor) -> Tensor:
    return gradient.new_empty(gradient.shape[1], spikes.shape[1])


@_spike_gradient.register_fake
def _(gradient: Tensor, weight: Tensor) -> Tensor:
    return gradient.new_empty(len(gradient), weight.shape[1])


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, ...]) -> None:
    # The lists come first: with them, the spikes themselves need not be kept.
    ctx.save_for_backward(*output[1:], *inputs)
    ctx.mark_non_differentiable(*output[1:])


def _backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, Tensor | None]:
    *lists, spikes, weight = ctx.saved_tensors
    of_spikes, of_weight = ctx.needs_input_grad
    return (
        _spike_gradient(gradient, weight) if of_spikes else None,
        _weight_gradient(gradient, spikes, *lists) if of_weight else None,
    )


def _keep_both(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward_of_spike_gradient(ctx: Any, given: Tensor) -> tuple[Tensor | None, Tensor | None]:
    gradient, weight = ctx.saved_tensors
    of_gradient, of_weight = ctx.needs_input_grad
    return given @ weight.t() if of_gradient else None, gradient.t() @ given if of_weight else None


def _keep_gradient(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])


def _backward_of_gradient(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
    gradient, spikes = ctx.saved_tensors
    of_gradient, of_spikes, *_ = ctx.needs_input_grad
    return (
        F.linear(spikes, given) if of_gradient else None,
        gradient @ given if of_spikes else None,
        None, None, None,
    )  # fmt: skip


_product.register_autograd(_backward, setup_context=_keep)
_spike_gradient.register_autograd(_backward_of_spike_gradient, setup_context=_keep_both)
_weight_gradient.register_autograd(_backward_of_gradient, setup_context=_keep_gradient)


@cache
def _limit(rows: int, sources: int, targets: int, dtype: str, graded: bool) -> float:
    """Return the share of spikes from which on dense products are quicker."""
    example = _Example(rows, sources, targets, np.dtype(dtype), graded)
    key = (
        f"product of {'graded ' if graded else ''}spikes {rows}x{sources} and weights "
        f"{targets}x{sources}, {dtype}, {torch.get_num_threads()} of torch's threads"
    )
    return crossover(key, example.events, example.dense)


class _Example:
    """Hold a layer whose products are timed; its arrays are made before the first of them."""

    def __init__(
        self, rows: int, sources: int, targets: int, dtype: np.dtype[Any], graded: bool
    ) -> None:
        value = dtype.type(0.5 if graded else 1)
        self._uniform = np.random.default_rng(0).random((rows, sources), np.float32)
        self._weight = np.ones((targets, sources), dtype)
        self._gradient = np.ones((rows, targets), dtype)
        self._spikes = cache(lambda density: (self._uniform < density) * value)

    def events(self, density: float) -> None:
        lists = by_row(self._spikes(density))
        assert lists is not None, "no limit was given"
        product(lists, self._weight)
        weight_gradient(by_column(lists), self._gradient)

    def dense(self) -> None:
        x = torch.from_numpy(self._spikes(0.0))
        _dense(x, torch.from_numpy(self._weight).t())
        _dense(torch.from_numpy(self._gradient).t(), x)
