"""The fan-out of every neuron: the number of synapses that its spikes reach.

The synapses of any connection can be listed and counted. The kinds registered below need no list.
Convolution and pooling treat height and width independently: a pixel reaches a rectangle, and one
small table for each axis gives its size (`_reach`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch

import numpy as np

from brianbridge.network import AllToAll, Connection, OneToOne, Pooling, Projection
from brianbridge.network.connections.convolution import SlidingKernel
from brianbridge.network.images import image_shape

__all__ = ["ann_macs", "fan_out", "fan_out_of"]

Shape = tuple[int, ...]


def fan_out(projection: Projection, source: Shape, target: Shape) -> np.ndarray:
    """Return the number of synapses of each source neuron, as `Projection.synapses` lists them.

    A synapse counts even if its weight is 0. At the border of an image neurons have fewer
    synapses, because padding does not count. A spike that passes a pooling reaches every neuron
    that sees one of its windows. It counts once for each such neuron, even if that neuron sees
    several of its windows: pooling and weights form one synapse, as in Brian2. A neuron outside all
    windows reaches none.

    Parameters
    ----------
    projection : Projection
        The projection.
    source, target : tuple of int
        Shapes of the populations.

    Returns
    -------
    numpy.ndarray of int64, shape (source neurons,)

    Examples
    --------
    >>> from brianbridge.network import Convolution
    >>> convolution = Projection("a", "b", np.ones((2, 1, 3, 3)), None, Convolution(padding=1))
    >>> fan_out(convolution, (1, 3, 3), (2, 3, 3)).reshape(3, 3)
    array([[ 8, 12,  8],
           [12, 18, 12],
           [ 8, 12,  8]])
    """
    return fan_out_of(projection.connection, projection, source, target)


def ann_macs(projection: Projection, source: Shape, target: Shape) -> int:
    """Return the multiply-accumulates of one pass of real numbers through the projection.

    This is the sum of the fan-ins of the target's neurons. Padding of an image does not count, and
    neither does pooling, which only adds.

    Examples
    --------
    >>> ann_macs(Projection("a", "b", np.ones((10, 64))), (8, 8), (10,))
    640
    """
    unpooled = replace(projection, pool=None)
    return int(fan_out(unpooled, projection.pooled_shape(source), target).sum())


@singledispatch
def fan_out_of(
    connection: Connection, projection: Projection, source: Shape, target: Shape
) -> np.ndarray:
    """Return the fan-out for a kind of connection; this default counts the listed synapses."""
    if projection.pool is None:
        sources = connection.pairs(projection.weight.shape, source, target).source
    else:
        sources = projection.synapses(source, target).source
    return np.bincount(sources, minlength=math.prod(source))


@fan_out_of.register(AllToAll)
def _of_all(
    connection: AllToAll, projection: Projection, source: Shape, target: Shape
) -> np.ndarray:
    return (_windows(projection.pool, source) > 0) * np.int64(math.prod(target))


@fan_out_of.register(OneToOne)
def _of_one(
    connection: OneToOne, projection: Projection, source: Shape, target: Shape
) -> np.ndarray:
    return _windows(projection.pool, source)


@fan_out_of.register(SlidingKernel)
def _of_kernels(
    connection: SlidingKernel, projection: Projection, source: Shape, target: Shape
) -> np.ndarray:
    """Return the fan-out of a convolution or its transpose, and of the pooling before them."""
    kernel = projection.weight.shape[2:]
    image, out = image_shape(source, projection.name), image_shape(target, projection.name)
    seen = image_shape(projection.pooled_shape(source), projection.name)
    stride, padding, dilation = connection.stride, connection.padding, connection.dilation
    counts = []
    for axis in (0, 1):
        here, there = seen[axis + 1], out[axis + 1]
        options = kernel[axis], stride[axis], padding[axis], dilation[axis]
        if connection.transposed:  # a convolution from there to here
            reach = _reach(there, here, *options).T
        else:
            reach = _reach(here, there, *options)
        if projection.pool is not None:
            # A product of booleans: whether any window leads there.
            reach = _pooled(projection.pool, image, axis) @ reach
        counts.append(reach.sum(1))
    channels = out[0] // connection.groups
    return np.tile(channels * np.outer(*counts).ravel(), image[0])


def _windows(pool: Pooling | None, source: Shape) -> np.ndarray:
    """Return how many windows each neuron is part of, flat; 1 without pooling."""
    if pool is None:
        return np.ones(math.prod(source), np.int64)
    image = image_shape(source, "source of a pooling")
    rows, columns = (_pooled(pool, image, axis).sum(1) for axis in (0, 1))
    return np.tile(np.outer(rows, columns).ravel(), image[0])


def _pooled(pool: Pooling, image: Shape, axis: int) -> np.ndarray:
    """Return which pixel is in which window along an axis."""
    positions = pool.output_shape(image)[axis + 1]
    options = pool.size[axis], pool.stride[axis], pool.padding[axis], 1
    return _reach(image[axis + 1], positions, *options)


def _reach(
    size: int, positions: int, kernel: int, stride: int, padding: int, dilation: int
) -> np.ndarray:
    """Return which pixels a kernel covers at which position, along one axis.

    Returns
    -------
    numpy.ndarray of bool, shape (size, positions)
    """
    position, element = np.indices((positions, kernel))
    pixel = position * stride - padding + element * dilation
    inside = (pixel >= 0) & (pixel < size)
    covered = np.zeros((size, positions), dtype=bool)
    covered[pixel[inside], position[inside]] = True
    return covered
