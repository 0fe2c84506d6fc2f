"""How many neurons a spike reaches: the fan-out of every neuron, without listing synapses.

Convolution and pooling treat height and width alike and apart. What a pixel reaches is therefore
a rectangle, and two small tables, one for each axis, say how large: `_reach`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brianbridge.network import (
    AllToAll,
    Convolution,
    OneToOne,
    Pooling,
    Projection,
    Sparse,
    TransposedConvolution,
)
from brianbridge.network.convolution import image_shape

__all__ = ["ann_macs", "fan_out"]

Shape = tuple[int, ...]


def fan_out(projection: Projection, source: Shape, target: Shape) -> np.ndarray:
    """Return how many synapses each neuron of the source has, as `Projection.synapses` lists them.

    Synapses count by structure: one whose weight happens to be 0 counts too. At the border of an
    image a neuron has fewer, for only targets that are there count. A spike that passes a pooling
    reaches every neuron that sees one of its windows, and each of them once, even if that neuron
    sees several of its windows: pooling and weights are one synapse, as in Brian2. A neuron
    outside of all windows reaches none.

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
    >>> convolution = Projection("a", "b", np.ones((2, 1, 3, 3)), None, Convolution(padding=1))
    >>> fan_out(convolution, (1, 3, 3), (2, 3, 3)).reshape(3, 3)
    array([[ 8, 12,  8],
           [12, 18, 12],
           [ 8, 12,  8]])
    """
    connection, pool, size = projection.connection, projection.pool, int(np.prod(source))
    if isinstance(connection, Convolution | TransposedConvolution):
        return _fan_out_of_images(projection, source, target)
    if isinstance(connection, AllToAll | OneToOne):
        windows = np.ones(size, np.int64) if pool is None else _windows(pool, source)
        if isinstance(connection, OneToOne):
            return windows
        return (windows > 0) * np.int64(np.prod(target))
    if isinstance(connection, Sparse) and pool is None:
        sources = connection.source
    else:
        sources = projection.synapses(source, target).source
    return np.bincount(sources, minlength=size)


def ann_macs(projection: Projection, source: Shape, target: Shape) -> int:
    """Return the multiply-accumulates of one pass of real numbers through the projection.

    They are the fan-in of each neuron of the target, added up; taps on the padding of an image
    do not count, nor does pooling, which only adds.

    Examples
    --------
    >>> ann_macs(Projection("a", "b", np.ones((10, 64))), (8, 8), (10,))
    640
    """
    unpooled = replace(projection, pool=None)
    return int(fan_out(unpooled, projection.pooled_shape(source), target).sum())


def _fan_out_of_images(projection: Projection, source: Shape, target: Shape) -> np.ndarray:
    """Return the fan-out of a convolution, its transpose, and the pooling before them."""
    how, kernel = projection.connection, projection.weight.shape[2:]
    assert isinstance(how, Convolution | TransposedConvolution)
    image, out = image_shape(source, projection.name), image_shape(target, projection.name)
    seen = image_shape(projection.pooled_shape(source), projection.name)
    counts = []
    for axis in (0, 1):
        here, there = seen[axis + 1], out[axis + 1]
        options = kernel[axis], how.stride[axis], how.padding[axis], how.dilation[axis]
        if isinstance(how, Convolution):
            reach = _reach(here, there, *options)
        else:
            # A transposed convolution is one from there to here, the other way round.
            reach = _reach(there, here, *options).T
        if projection.pool is not None:
            # A product of booleans: whether there is a way, over whichever window.
            reach = _pooled(projection.pool, image, axis) @ reach
        counts.append(reach.sum(1))
    channels = out[0] // how.groups
    return np.tile(channels * np.outer(*counts).ravel(), image[0])


def _windows(pool: Pooling, source: Shape) -> np.ndarray:
    """Return of how many windows each neuron is part, flat."""
    image = image_shape(source, "source of a pooling")
    rows, columns = (_pooled(pool, image, axis).sum(1) for axis in (0, 1))
    return np.tile(np.outer(rows, columns).ravel(), image[0])


def _pooled(pool: Pooling, image: Shape, axis: int) -> np.ndarray:
    """Return which pixels are in which windows along an axis."""
    places = pool.output_shape(image)[axis + 1]
    options = pool.size[axis], pool.stride[axis], pool.padding[axis], 1
    return _reach(image[axis + 1], places, *options)


def _reach(
    size: int, places: int, kernel: int, stride: int, padding: int, dilation: int
) -> np.ndarray:
    """Return which pixels a kernel covers at which of its places, along one axis.

    Returns
    -------
    numpy.ndarray of bool, shape (size, places)
    """
    place, element = np.indices((places, kernel))
    pixel = place * stride - padding + element * dilation
    inside = (pixel >= 0) & (pixel < size)
    covered = np.zeros((size, places), dtype=bool)
    covered[pixel[inside], place[inside]] = True
    return covered
