"""A chain of layers without neurons becomes what one projection can hold.

Layers in a row are linear, so their product is one layer. Pooling before everything else stays
pooling; a convolution before pooling becomes a convolution with larger kernels; whatever else
meets a dense layer is multiplied out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brianbridge.interchange.graph import Conv, Delay, Flatten, Linear, Node, Pool, Scale
from brianbridge.interchange.layer_shapes import (
    Shape,
    connection_of,
    image_for,
    shape_after,
    spread,
)
from brianbridge.interchange.rating import unsupported

__all__ = ["Chain", "chain_of", "dense"]

#: Largest matrix that is multiplied out.
_MOST_WEIGHTS = 20_000_000

Bias = np.ndarray | None


@dataclass(frozen=True, eq=False)
class Chain:
    """Hold a chain of layers as pooling, one layer, and delays.

    Parameters
    ----------
    source, target : tuple of int
        Shapes before and after the chain; `target` is that of an image if the layer is a
        convolution.
    pool : Pool, optional
        Pooling before the layer.
    layer : Linear, Conv or Scale
        The layer; a `Scale` connects each neuron with that of the same index.
    delay : float
        Delay of the whole chain in seconds.
    before, after : array, optional
        Further delays for each source or each target, flat.
    """

    source: Shape
    target: Shape
    layer: Linear | Conv | Scale
    pool: Pool | None = None
    delay: float = 0.0
    before: np.ndarray | None = None
    after: np.ndarray | None = None

    @property
    def seen(self) -> Shape:
        """The shape that the layer sees, after pooling."""
        return self.source if self.pool is None else shape_after(self.pool, self.source, "pooling")


def chain_of(
    nodes: Sequence[Node], names: Sequence[str], shape: Shape, biased: Sequence[bool]
) -> Chain:
    """Return a chain of layers.

    Parameters
    ----------
    nodes, names : sequence
        The layers without neurons from one population to the next, and their names.
    shape : tuple of int
        Shape of the source.
    biased : sequence of bool
        For each layer, whether its bias counts; it counts once where several chains meet.

    Raises
    ------
    InputError
        If no projection can hold the chain.
    """
    chain = Chain(shape, shape, Scale(np.ones(())))
    now = shape
    for node, name, with_bias in zip(nodes, names, biased, strict=True):
        what = f"node '{name}' ({type(node).__name__})"
        if isinstance(node, Linear | Conv) and not with_bias:
            node = replace(node, bias=None)
        after = shape_after(node, now, what)
        match node:
            case Flatten():
                pass
            case Scale():
                chain = _scaled(chain, spread(node.scale, chain.target, what), name)
            case Delay():
                chain = _delayed(chain, spread(node.seconds, chain.target, what).ravel())
            case Pool():
                chain = _pooled(chain, node, name)
            case Conv():
                seen = image_for(node, now, what)
                chain = _convolved(replace(chain, target=seen), node, after, name)
            case Linear():
                chain = _multiplied(chain, node, name)
        now = after
    return chain


# ---------------------------------------------------------------------- one layer more


def _plain(chain: Chain) -> bool:
    """Return whether a chain has done nothing yet but pool and multiply by one number."""
    return isinstance(chain.layer, Scale) and np.ptp(chain.layer.scale) == 0


def _scaled(chain: Chain, scale: np.ndarray, name: str) -> Chain:
    """Multiply what comes out of a chain."""
    if np.ptp(scale) == 0:
        scale = scale.ravel()[0]
        if scale == 1:
            return chain
    layer = chain.layer
    if isinstance(layer, Scale):
        return replace(chain, layer=Scale(layer.scale * scale))
    if isinstance(layer, Conv):
        factor = _by_channel(scale, layer.weight.shape[0])
        if factor is not None:
            bias = None if layer.bias is None else layer.bias * factor
            weight = layer.weight * factor[:, None, None, None]
            return replace(chain, layer=replace(layer, weight=weight, bias=bias))
        layer = dense(chain, name)
    factor = np.broadcast_to(np.ravel(scale), (layer.weight.shape[0],))
    bias = None if layer.bias is None else layer.bias * factor
    return replace(chain, layer=Linear(layer.weight * factor[:, None], bias))


def _by_channel(scale: np.ndarray, channels: int) -> np.ndarray | None:
    """Return one factor for each channel; None if they differ within a channel."""
    if not np.ndim(scale):
        return np.full(channels, scale)
    rows = scale.reshape(channels, -1)
    return rows[:, 0] if np.ptp(rows, axis=1).max() == 0 else None


def _delayed(chain: Chain, seconds: np.ndarray) -> Chain:
    """Delay what comes out of a chain."""
    if np.ptp(seconds) == 0:
        return replace(chain, delay=chain.delay + float(seconds[0]))
    if isinstance(chain.layer, Scale) and chain.pool is None:
        return replace(chain, before=_sum(chain.before, seconds))
    return replace(chain, after=_sum(chain.after, seconds))


def _sum(one: Bias, other: Bias) -> Bias:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _pooled(chain: Chain, pool: Pool, name: str) -> Chain:
    """Pool what comes out of a chain."""
    target = shape_after(pool, chain.target, f"node '{name}' (Pool)")
    if _plain(chain) and chain.pool is None and chain.before is None and chain.after is None:
        return replace(chain, pool=pool, target=target)
    _refuse_delays(chain, name, "Pool")
    box = np.full(pool.size, 1.0 if pool.kind == "sum" else 1.0 / math.prod(pool.size))
    if isinstance(chain.layer, Conv) and not any(pool.padding):
        return replace(chain, layer=_conv_and_box(chain.layer, box, pool.stride), target=target)
    channels = target[0]
    kernels = np.broadcast_to(box, (channels, 1, *pool.size))
    conv = Conv(kernels, None, pool.stride, pool.padding, groups=channels)
    return _convolved(chain, conv, target, name)


def _conv_and_box(conv: Conv, box: np.ndarray, stride: tuple[int, int]) -> Conv:
    """Return a convolution, and sums over windows of its output, as one convolution."""
    out, inner, high, wide = conv.weight.shape
    (tall, broad), (down, across) = box.shape, conv.stride
    size = (
        (tall - 1) * down + (high - 1) * conv.dilation[0] + 1,
        (broad - 1) * across + (wide - 1) * conv.dilation[1] + 1,
    )
    weight = np.zeros((out, inner, *size))
    for (i, j), factor in np.ndenumerate(box):
        for k, m in np.ndindex(high, wide):
            row, column = i * down + k * conv.dilation[0], j * across + m * conv.dilation[1]
            weight[:, :, row, column] += factor * conv.weight[:, :, k, m]
    return Conv(
        weight,
        None if conv.bias is None else conv.bias * box.sum(),
        (conv.stride[0] * stride[0], conv.stride[1] * stride[1]),
        conv.padding,
        groups=conv.groups,
    )


def _convolved(chain: Chain, conv: Conv, target: Shape, name: str) -> Chain:
    """Convolve what comes out of a chain."""
    if isinstance(chain.layer, Scale):
        _refuse_delays(chain, name, "Conv", before=False)
        factor = chain.layer.scale
        if not np.ndim(factor):
            weight = conv.weight if factor == 1 else conv.weight * factor
            return replace(chain, layer=replace(conv, weight=weight), target=target)
        matrix = _matrix(conv, chain.target, target, name) * np.ravel(factor)
        return replace(chain, layer=Linear(matrix, _bias_of(conv, target)), target=target)
    _refuse_delays(chain, name, "Conv")
    step = Linear(_matrix(conv, chain.target, target, name), _bias_of(conv, target))
    return replace(_multiplied(chain, step, name), target=target)


def _multiplied(chain: Chain, layer: Linear, name: str) -> Chain:
    """Multiply what comes out of a chain by a matrix."""
    target = (layer.weight.shape[0],)
    if isinstance(chain.layer, Scale):
        factor = chain.layer.scale
        if np.ndim(factor) or factor != 1:
            columns = np.broadcast_to(np.ravel(factor), (layer.weight.shape[1],))
            layer = Linear(layer.weight * columns, layer.bias)
        return replace(chain, layer=layer, target=target)
    _refuse_delays(chain, name, "Linear")
    first = dense(chain, name)
    bias = layer.bias
    if first.bias is not None:
        bias = layer.weight @ first.bias + (0.0 if bias is None else bias)
    _check_size(layer.weight.shape[0], first.weight.shape[1], name)
    return replace(chain, layer=Linear(layer.weight @ first.weight, bias), target=target)


def _refuse_delays(chain: Chain, name: str, kind: str, before: bool = True) -> None:
    if chain.after is not None or (before and chain.before is not None and chain.pool is not None):
        raise unsupported(
            name, kind, "it sums inputs with different delays, without neurons before it",
            "use one delay for all, or put neurons before the layer",
        )  # fmt: skip


# ---------------------------------------------------------------------- matrices


def dense(chain: Chain, name: str) -> Linear:
    """Return the layer of a chain as a matrix from what it sees to its target."""
    layer = chain.layer
    if isinstance(layer, Linear):
        return layer
    if isinstance(layer, Conv):
        matrix = _matrix(layer, chain.seen, chain.target, name)
        return Linear(matrix, _bias_of(layer, chain.target))
    size = math.prod(chain.target)
    _check_size(size, size, name)
    return Linear(np.diag(np.broadcast_to(np.ravel(layer.scale), (size,))))


def _matrix(conv: Conv, source: Shape, target: Shape, name: str) -> np.ndarray:
    """Return a convolution as a matrix."""
    _check_size(math.prod(target), math.prod(source), name)
    image = image_for(conv, source, f"node '{name}' (Conv)")
    table = connection_of(conv).synapses(conv.weight, image, target)
    matrix = np.zeros((math.prod(target), math.prod(source)))
    np.add.at(matrix, (table.target, table.source), table.weight)
    return matrix


def _bias_of(conv: Conv, target: Shape) -> Bias:
    """Return the bias of each neuron of a convolution."""
    return None if conv.bias is None else np.repeat(conv.bias, math.prod(target[1:]))


def _check_size(rows: int, columns: int, name: str) -> None:
    if rows * columns > _MOST_WEIGHTS:
        raise unsupported(
            name, "layer", f"it follows another layer without neurons, and their product has "
            f"{rows:,} x {columns:,} weights", "put neurons between them",
        )  # fmt: skip
