"""The convolution of spikes and kernels, as an operator of torch.

Images are kept pixel by pixel, with all channels of a pixel (torch's ``channels_last``): a spike
then adds neighbouring weights. Forward, and for the gradient of the kernels, only the weights of
spikes are added. The gradient of the spikes is a dense convolution, because a surrogate gradient
passes through silent neurons, too. Above an activity that is measured once per machine and shape
(`brianbridge.kernels.costs`), all are dense convolutions.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from brianbridge.kernels.costs import crossover
from brianbridge.twin.products.image_spikes import MOST, ImageSpikes, find_in_images
from brianbridge.twin.products.image_sums import Windows, convolution, kernel_gradient
from brianbridge.twin.transforms import runs_compiled

__all__ = ["spike_convolution"]

#: Multiplications from which on spikes are looked for, the fewest targets, and most weights.
_WORTHWHILE, _TARGETS, _WEIGHTS = 4_000_000, 8, 2**20
#: Most numbers in the result of an example whose costs are measured.
_EXAMPLE = 2**24

Pair = tuple[int, int]
Shape = tuple[int, ...]


def spike_convolution(
    spikes: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Return the convolution of images of spikes, at a cost that follows the number of spikes.

    Parameters
    ----------
    spikes : Tensor, shape (images, channels, height, width)
        Spike values, most of them 0.
    weight : Tensor, shape (targets, channels, height, width)
        The kernels.
    stride, padding, dilation, groups
        As those of `torch.nn.functional.conv2d`.

    Returns
    -------
    Tensor, shape (images, targets, height, width)
        The result of `torch.nn.functional.conv2d`.

    Examples
    --------
    >>> spikes = torch.tensor([[[[0.0, 1, 1]]]])
    >>> spike_convolution(spikes, torch.tensor([[[[1.0, 2]]]]), (1, 1), (0, 0), (1, 1), 1)
    tensor([[[[2., 3.]]]])
    """
    if dilation == (1, 1) and groups == 1 and _applies(spikes, weight):
        result: Tensor = _convolution(spikes, weight, list(stride), list(padding))[0]
        return result
    return F.conv2d(spikes, weight, None, stride, padding, dilation, groups)


def _applies(spikes: Tensor, weight: Tensor) -> bool:
    return (
        len(weight) >= _TARGETS
        and weight.numel() <= _WEIGHTS
        and spikes.shape[1] * spikes.shape[3] <= MOST
        and spikes.numel() * len(weight) * weight[0, 0].numel() >= _WORTHWHILE
        and (spikes.device, spikes.dtype) == (weight.device, weight.dtype)
        and runs_compiled(spikes)
        and not torch.is_autocast_enabled("cpu")
    )


@torch.library.custom_op("brianbridge::spike_convolution", mutates_args=())
def _convolution(
    spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the convolution, and the lists of spikes; these are empty if it was a dense one."""
    x = _by_pixel(spikes)
    windows = _windows(spikes, weight, stride, padding)
    lists = find_in_images(x, lambda graded: _limit_of(spikes, weight, windows, graded))
    if lists is None:
        whole = _dense_convolution(_as_images(x), weight, stride, padding)
        return whole, torch.empty(0), torch.empty(0), torch.empty(0)
    found = convolution(lists, weight.detach().numpy(), windows)
    tensor = torch.from_numpy
    return _as_images(found), tensor(lists.first), tensor(lists.place), tensor(lists.value)


@torch.library.custom_op("brianbridge::spike_convolution_weight_gradient", mutates_args=())
def _weight_gradient(
    gradient: Tensor, spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int],
    first: Tensor, place: Tensor, value: Tensor,
) -> Tensor:  # fmt: skip
    """Return the gradient of the kernels from that of the convolution, and the lists of spikes."""
    if not first.numel():
        return _dense(gradient, spikes, weight, stride, padding, of_weight=True)
    images, channels, height, width = spikes.shape
    shape = images, height, width, channels
    lists = ImageSpikes(first.numpy(), place.numpy(), value.numpy(), shape)
    windows = _windows(spikes, weight, stride, padding)
    return torch.from_numpy(kernel_gradient(lists, _by_pixel(gradient), windows))


@torch.library.custom_op("brianbridge::spike_convolution_spike_gradient", mutates_args=())
def _spike_gradient(
    gradient: Tensor, spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int]
) -> Tensor:
    """Return the gradient of the spikes, also of silent neurons."""
    return _dense(gradient, spikes, weight, stride, padding, of_weight=False)


def _dense_convolution(
    spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int]
) -> Tensor:
    return _by_channel(F.conv2d(_by_channel(spikes), weight, None, stride, padding))


def _dense(
    gradient: Tensor, spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int],
    of_weight: bool,
) -> Tensor:  # fmt: skip
    found = torch.ops.aten.convolution_backward(
        _by_channel(gradient), _by_channel(spikes), weight, None, stride, padding, [1, 1], False,
        [0, 0], 1, [not of_weight, of_weight, False],
    )  # fmt: skip
    return found[1].contiguous() if of_weight else _by_channel(found[0])


def _by_channel(images: Tensor) -> Tensor:
    """Return images in torch's ``channels_last``, if possible without a copy."""
    found = images.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = images.shape
    if channels > 1:
        return found
    # Images of one channel are in either order, and torch takes the other one, in which it copies
    # all that is computed from them.
    return found.as_strided(images.shape, (height * width, 1, width, 1))


def _windows(spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int]) -> Windows:
    down, across = (
        (size + 2 * pad - kernel) // step + 1
        for size, pad, kernel, step in zip(
            spikes.shape[2:], padding, weight.shape[2:], stride, strict=True
        )
    )
    pairs = ((int(a), int(b)) for a, b in (weight.shape[2:], stride, padding))
    return Windows((down, across), *pairs)


def _by_pixel(images: Tensor) -> np.ndarray:
    """Return images as an array (images, height, width, channels)."""
    found: np.ndarray = images.detach().permute(0, 2, 3, 1).contiguous().numpy()
    return found


def _as_images(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


@_convolution.register_fake
def _(
    spikes: Tensor, weight: Tensor, stride: list[int], padding: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    context = torch.library.get_ctx()
    lists, found = context.new_dynamic_size(), context.new_dynamic_size()
    windows = _windows(spikes, weight, stride, padding)
    return (
        spikes.new_empty(len(spikes), *windows.target, len(weight)).permute(0, 3, 1, 2),
        spikes.new_empty(lists, dtype=torch.int64),
        spikes.new_empty(found, dtype=torch.uint16),
        spikes.new_empty(context.new_dynamic_size()),
    )


@_weight_gradient.register_fake
def _(gradient: Tensor, spikes: Tensor, weight: Tensor, *_: Any) -> Tensor:
    return weight.new_empty(weight.shape)


@_spike_gradient.register_fake
def _(gradient: Tensor, spikes: Tensor, *_: Any) -> Tensor:
    images, channels, height, width = spikes.shape
    return spikes.new_empty(images, height, width, channels).permute(0, 3, 1, 2)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    spikes, weight, *ctx.options = inputs
    ctx.save_for_backward(spikes, weight, *output[1:])
    ctx.mark_non_differentiable(*output[1:])


def _backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    spikes, weight, *lists = ctx.saved_tensors
    of_spikes, of_weight, *_ = ctx.needs_input_grad
    given = gradient, spikes, weight, *ctx.options
    return (
        _spike_gradient(*given) if of_spikes else None,
        _weight_gradient(*given, *lists) if of_weight else None,
        None, None,
    )  # fmt: skip


def _keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.stride, ctx.padding = inputs[:5]
    ctx.save_for_backward(*tensors)


def _backward_of_spike_gradient(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
    gradient, _, weight = ctx.saved_tensors
    of_gradient, _, of_weight, *_ = ctx.needs_input_grad
    options = ctx.stride, ctx.padding
    return (
        F.conv2d(given, weight, None, *options) if of_gradient else None,
        None,
        _dense(gradient, given, weight, *options, of_weight=True) if of_weight else None,
        None, None,
    )  # fmt: skip


def _backward_of_weight_gradient(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
    gradient, spikes, _ = ctx.saved_tensors
    of_gradient, of_spikes, *_ = ctx.needs_input_grad
    options = ctx.stride, ctx.padding
    return (
        F.conv2d(spikes, given, None, *options) if of_gradient else None,
        _dense(gradient, spikes, given, *options, of_weight=False) if of_spikes else None,
        None, None, None, None, None, None,
    )  # fmt: skip


_convolution.register_autograd(_backward, setup_context=_keep)
_spike_gradient.register_autograd(_backward_of_spike_gradient, setup_context=_keep_gradient)
_weight_gradient.register_autograd(_backward_of_weight_gradient, setup_context=_keep_gradient)


def _limit_of(spikes: Tensor, weight: Tensor, windows: Windows, graded: bool) -> float:
    """Return the share of spikes from which on a dense convolution is quicker."""
    # Whether arrays fit into the caches matters: there are about as many images as given.
    images = 2 ** math.ceil(math.log2(max(1, len(spikes))))
    size = math.prod(windows.target) * len(weight)
    images = max(1, min(images, _EXAMPLE // size))
    return _limit(images, windows, weight.shape, spikes.shape[2:], spikes.dtype, graded)


@cache
def _limit(
    images: int, windows: Windows, weight: Shape, image: Shape, dtype: torch.dtype, graded: bool
) -> float:
    kind = np.dtype(str(dtype).removeprefix("torch."))
    example = _Example(images, windows, weight, image, kind, graded)
    sizes = " ".join("x".join(map(str, pair)) for pair in astuple(windows))
    source = "x".join(map(str, (images, weight[1], *image)))
    key = (
        f"convolution of {'graded ' if graded else ''}spikes, {source} to {weight[0]}x{sizes}, "
        f"{dtype}, {torch.get_num_threads()} of torch's threads"
    )
    return crossover(key, example.events, example.dense)


class _Example:
    """Hold a layer whose convolutions are timed; its arrays are made before the first of them."""

    def __init__(
        self, images: int, windows: Windows, weight: Shape, image: Shape, dtype: np.dtype[Any],
        graded: bool,
    ) -> None:  # fmt: skip
        value = dtype.type(0.5 if graded else 1)
        targets, channels, *_ = weight
        self._uniform = np.random.default_rng(0).random((images, *image, channels), np.float32)
        self._weight = np.ones(weight, dtype)
        self._gradient = np.ones((images, *windows.target, targets), dtype)
        self._spikes = cache(lambda density: (self._uniform < density) * value)
        self._windows = windows
        self._options = list(windows.stride), list(windows.padding)

    def events(self, density: float) -> None:
        lists = find_in_images(self._spikes(density))
        assert lists is not None, "no limit was given"
        convolution(lists, self._weight, self._windows)
        kernel_gradient(lists, self._gradient, self._windows)

    def dense(self) -> None:
        x, weight = _as_images(self._spikes(0.0)), torch.from_numpy(self._weight)
        _dense_convolution(x, weight, *self._options)
        gradient = _as_images(self._gradient)
        _dense(gradient, x, weight, *self._options, of_weight=True)
