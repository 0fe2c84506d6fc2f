"""The nodes of NIR without neurons, as layers of a graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brianbridge.interchange.graph import Conv, Delay, Flatten, Linear, Node, Output, Pool, Scale
from brianbridge.interchange.nir.fields import Fields

__all__ = ["LAYERS"]


def _linear(fields: Fields) -> Linear:
    weight = fields.numbers("weight", (2,))
    if 0 in weight.shape:
        raise fields.refuse(f"its weight has the shape {weight.shape}", "leave the node out")
    if fields.kind == "Linear":
        return Linear(weight)
    bias = fields.numbers("bias").ravel()
    if bias.size not in (1, weight.shape[0]):
        raise fields.refuse(
            f"its bias has {bias.size} values for {weight.shape[0]} outputs", "correct the node"
        )
    bias = np.full(weight.shape[0], bias[0]) if bias.size == 1 else bias
    return Linear(weight, bias if bias.any() else None)


def _conv(fields: Fields) -> Conv:
    axes = 1 if fields.kind == "Conv1d" else 2
    weight = fields.numbers("weight", (axes + 2,))
    stride, dilation = fields.sizes("stride", axes), fields.sizes("dilation", axes)
    groups = fields.sizes("groups", 1)[0]
    padding = _padding(fields, weight.shape[2:], stride, dilation)
    if 0 in weight.shape or weight.shape[0] % groups:
        raise fields.refuse(
            f"its weight has the shape {weight.shape} for {groups} groups", "correct the node"
        )
    bias = fields.optional("bias", 0.0).ravel()
    if bias.size not in (1, weight.shape[0]):
        raise fields.refuse(
            f"its bias has {bias.size} values for {weight.shape[0]} channels", "correct the node"
        )
    bias = np.full(weight.shape[0], bias[0]) if bias.size == 1 else bias
    if axes == 1:  # a sequence is an image of height 1
        weight = weight[:, :, None, :]
        stride, dilation, padding = (1, *stride), (1, *dilation), (0, *padding)
    return Conv(
        weight,
        bias if bias.any() else None,
        (stride[0], stride[1]),
        (padding[0], padding[1]),
        (dilation[0], dilation[1]),
        groups,
    )


def _padding(
    fields: Fields, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the padding of a convolution as numbers."""
    text = fields.raw.get("padding")
    if not isinstance(text, str):
        return fields.sizes("padding", len(kernel), 0)
    if text == "valid":
        return (0,) * len(kernel)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if text != "same" or any(step != 1 for step in stride) or any(size % 2 for size in reach):
        raise fields.refuse(
            f"its padding is '{text[:20]}'",
            "give numbers ('same' is possible for stride 1 and odd kernels)",
        )
    return tuple(size // 2 for size in reach)


def _pool(fields: Fields) -> Pool:
    size, stride, padding = (
        fields.sizes(key, 2, least)
        for key, least in (("kernel_size", 1), ("stride", 1), ("padding", 0))
    )
    kind = "sum" if fields.kind == "SumPool2d" else "average"
    return Pool(kind, (size[0], size[1]), (stride[0], stride[1]), (padding[0], padding[1]))


def _delay(fields: Fields) -> Delay:
    delay = fields.numbers("delay").astype(np.float64)
    if (delay < 0).any():
        raise fields.refuse("it has a negative delay", "give delays of at least 0 s")
    return Delay(delay)


#: How each kind of node without neurons is read.
LAYERS: dict[str, Callable[[Fields], Node]] = {
    "Affine": _linear,
    "Linear": _linear,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
    "Flatten": lambda fields: Flatten(),
    "Scale": lambda fields: Scale(fields.numbers("scale")),
    "Delay": _delay,
    "Output": lambda fields: Output(),
}
