"""The shapes that layers map to each other."""

from __future__ import annotations

import math

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.graph import (
    Conv,
    Delay,
    Flatten,
    Linear,
    Node,
    Pool,
    Population,
    Scale,
)
from brianbridge.network.connections import Convolution
from brianbridge.network.images import Image
from brianbridge.network.pooling import Pooling

__all__ = [
    "Shape",
    "check_size",
    "connection_of",
    "image_for",
    "pooling_of",
    "shape_after",
    "spread",
]

Shape = tuple[int, ...]

#: Largest number of values that pass between two layers in one step.
_MOST_VALUES = 20_000_000


def connection_of(conv: Conv) -> Convolution:
    """Return the connection of a convolution."""
    return Convolution(conv.stride, conv.padding, conv.dilation, conv.groups)


def pooling_of(pool: Pool) -> Pooling:
    """Return the pooling of a projection."""
    return Pooling("sum" if pool.kind == "sum" else "average", pool.size, pool.stride, pool.padding)


def image_for(conv: Conv, shape: Shape, what: str) -> Image:
    """Return the shape that a convolution sees: ``(channels, height, width)``.

    A sequence of shape ``(channels, length)`` is an image of height 1 for kernels of height 1.

    Raises
    ------
    InputError
        If the shape is no image with the channels of the kernel.
    """
    channels = conv.weight.shape[1] * conv.groups
    if len(shape) == 2:
        line = shape[0] == channels and conv.weight.shape[2] == 1
        shape = (shape[0], 1, shape[1]) if line else (1, *shape)
    if len(shape) != 3 or shape[0] != channels:
        raise InputError(
            f"{what}: its kernel needs {channels} channels, but gets the shape {shape}; give it "
            "an input of the shape (channels, height, width)"
        )
    return shape


def shape_after(node: Node, shape: Shape, what: str) -> Shape:
    """Return the shape after a node.

    Parameters
    ----------
    node : Node
        The node.
    shape : tuple of int
        The shape that reaches it.
    what : str
        Name of the node, for messages.

    Raises
    ------
    InputError
        If the node cannot take this shape.
    """
    after = _after(node, shape, what)
    check_size(after, what)
    return after


def check_size(shape: Shape, what: str) -> None:
    """Refuse a shape with more values than a network on one machine has.

    Raises
    ------
    InputError
        If there are too many; a few bytes of a file can ask for any number.
    """
    if math.prod(shape) > _MOST_VALUES:
        raise InputError(
            f"{what}: the shape {shape} has more than {_MOST_VALUES:,} values; make it smaller"
        )


def _after(node: Node, shape: Shape, what: str) -> Shape:
    """Return the shape after a node, however large."""
    match node:
        case Linear(weight=weight):
            if math.prod(shape) != weight.shape[1]:
                raise InputError(
                    f"{what}: its weight has {weight.shape[1]} inputs, but {math.prod(shape)} "
                    f"reach it, of shape {shape}; change either"
                )
            return (weight.shape[0],)
        case Conv():
            image = image_for(node, shape, what)
            kernel = (node.weight.shape[2], node.weight.shape[3])
            return connection_of(node).output_shape(image, node.weight.shape[0], kernel, what)
        case Pool():
            return pooling_of(node).output_shape(shape, what)
        case Flatten():
            return (math.prod(shape),)
        case Scale(scale=values) | Delay(seconds=values):
            spread(values, shape, what)
        case Population():
            if math.prod(node.shape) != math.prod(shape):
                raise InputError(
                    f"{what}: {math.prod(shape)} inputs of shape {shape} reach "
                    f"{math.prod(node.shape)} neurons; change either"
                )
            return node.shape
    return shape


def spread(values: np.ndarray, shape: Shape, what: str) -> np.ndarray:
    """Return values in a shape: one for all, one for each, or one for each channel.

    Raises
    ------
    InputError
        If they do not fit.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 1:
        return np.full(shape, array.ravel()[0])
    if array.size == math.prod(shape):
        return array.reshape(shape)
    try:
        return np.array(np.broadcast_to(array, shape))
    except ValueError:
        raise InputError(
            f"{what}: it has values of shape {array.shape} for an input of shape {shape}; give "
            "one value, or one for each"
        ) from None
