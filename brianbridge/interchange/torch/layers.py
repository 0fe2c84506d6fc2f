"""Layers of `torch.nn` without neurons, as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from brianbridge.errors import InputError
from brianbridge.interchange.frameworks import FRAMEWORKS
from brianbridge.interchange.frameworks.reading import numbers
from brianbridge.interchange.graph import Conv, Flatten, Linear, Node, Pool
from brianbridge.network import fold_batch_norm

__all__ = ["BatchNorm", "folded", "is_layer", "layer_node"]

Shape = tuple[int, ...]
#: Layers that change nothing once training has ended; frameworks have their own dropout.
_NOTHING = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")
_KINDS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.LPPool2d,
    nn.Flatten,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
)


class BatchNorm:
    """Hold a normalisation until it is folded into the layer before it.

    Parameters
    ----------
    module : torch.nn.BatchNorm1d or torch.nn.BatchNorm2d
        The normalisation, with the statistics of training.
    """

    def __init__(self, module: Any) -> None:
        self.module = module


def is_layer(module: Any) -> bool:
    """Return whether `layer_node` can read a module, or says why it cannot.

    A class of the user's own that computes something else than its base class is unknown.
    """
    if not isinstance(module, _KINDS):
        return type(module).__name__ in _NOTHING
    owner = next(base for base in type(module).__mro__ if "forward" in vars(base))
    return owner.__module__.partition(".")[0] in ("torch", *FRAMEWORKS)


def layer_node(module: Any, name: str, seen: Shape, made: Shape) -> Node | BatchNorm | None:
    """Return a layer as a node; None if it changes nothing.

    Parameters
    ----------
    module : torch.nn.Module
        The layer.
    name : str
        Its name in the network, for messages.
    seen, made : tuple of int
        Shape of its input and its output, without batch and time.

    Raises
    ------
    InputError
        If an option of the layer cannot be read.
    """
    what = f"'{name}' ({type(module).__name__})"
    match module:
        case nn.Linear():
            if len(seen) != 1:
                raise InputError(
                    f"{what}: its input has the shape {seen}, of which it sees only the last axis; "
                    "flatten it before"
                )
            return Linear(numbers(module.weight), _bias(module))
        case nn.Conv1d() | nn.Conv2d():
            return _conv(module, what)
        case nn.AvgPool1d() | nn.AvgPool2d():
            return _pool(module, what)
        case nn.AdaptiveAvgPool2d():
            return _adaptive(seen, made, what)
        case nn.LPPool2d():
            if module.norm_type != 1 or module.ceil_mode:
                raise InputError(f"{what} is no sum of its window; use a sum or average pooling")
            size = _pair(module.kernel_size)
            return Pool("sum", size, _pair(module.stride or size))
        case nn.Flatten():
            return Flatten()
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            if module.running_mean is None:
                raise InputError(
                    f"{what} has no running statistics; set track_running_stats=True and train it"
                )
            return BatchNorm(module)
    return None


def folded(layer: Any, norm: BatchNorm, name: str) -> Linear | Conv:
    """Return the layer before a normalisation, with the normalisation.

    Raises
    ------
    InputError
        If no weights come before it.
    """
    if not isinstance(layer, Linear | Conv):
        raise InputError(
            f"'{name}' ({type(norm.module).__name__}) does not follow a linear layer or a "
            "convolution; put it right after one"
        )
    module = norm.module
    size = len(module.running_mean)
    weight, bias = fold_batch_norm(
        layer.weight,
        layer.bias,
        mean=numbers(module.running_mean),
        variance=numbers(module.running_var),
        gamma=np.ones(size) if module.weight is None else numbers(module.weight),
        beta=np.zeros(size) if module.bias is None else numbers(module.bias),
        eps=module.eps,
    )
    if isinstance(layer, Linear):
        return Linear(weight, bias)
    return Conv(weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def _bias(module: Any) -> np.ndarray | None:
    return None if module.bias is None else numbers(module.bias)


def _pair(values: Any, filler: int = 1) -> tuple[int, int]:
    """Return an option for both axes of an image; one of a sequence belongs to its width."""
    sizes = tuple(int(v) for v in np.atleast_1d(np.asarray(values)))
    if len(sizes) == 1:
        return (sizes[0], sizes[0]) if np.ndim(values) == 0 else (filler, sizes[0])
    return (sizes[0], sizes[1])


def _conv(module: Any, what: str) -> Conv:
    """Return a convolution; one of a sequence is one of images of height 1."""
    if module.padding_mode != "zeros":
        raise InputError(
            f"{what}: padding_mode = {module.padding_mode!r} cannot be read; use 'zeros'"
        )
    weight = numbers(module.weight)
    kernel, padding = np.array(weight.shape[2:]), module.padding
    if padding == "valid":
        padding = (0,) * len(kernel)
    elif padding == "same":
        around = np.array(module.dilation) * (kernel - 1)
        if np.any(around % 2):
            raise InputError(
                f"{what}: padding 'same' of an even kernel is not symmetric; give numbers"
            )
        padding = tuple(around // 2)
    return Conv(
        weight[:, :, None] if weight.ndim == 3 else weight,
        _bias(module),
        _pair(module.stride),
        _pair(padding, 0),
        _pair(module.dilation),
        module.groups,
    )


def _pool(module: Any, what: str) -> Pool:
    """Return an average over windows."""
    padded = np.any(np.asarray(module.padding))
    if module.ceil_mode or getattr(module, "divisor_override", None):
        raise InputError(f"{what}: ceil_mode and divisor_override cannot be read; leave them out")
    if padded and not module.count_include_pad:
        raise InputError(f"{what}: count_include_pad = False cannot be read; leave out padding")
    size = _pair(module.kernel_size)
    return Pool("average", size, _pair(module.stride), _pair(module.padding, 0))


def _adaptive(seen: Shape, made: Shape, what: str) -> Pool:
    """Return an average over windows that tile an image."""
    if any(a % b for a, b in zip(seen[1:], made[1:], strict=True)):
        raise InputError(
            f"{what}: an image of {seen[1:]} is no multiple of {made[1:]}, so that its windows "
            "overlap; choose an output size that divides it"
        )
    size = (seen[1] // made[1], seen[2] // made[2])
    return Pool("average", size, size)
