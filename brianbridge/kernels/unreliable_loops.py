"""Add the weights of spikes that may fail to arrive, and their gradient: compiled loops.

They run synapse by synapse, and take several times as long as those without failure. A loop over
the channels of a pixel draws for all of them and has no branch, so that the compiler can compute
several at once. Each row of
spikes (a sample in a step) has a key, which with the neurons at either end decides what arrives:
see `brianbridge.kernels.fates`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.counters import draw
from brianbridge.kernels.fates import arrives
from brianbridge.kernels.rasters import SpikeRows

__all__ = ["add_kernels", "add_listed", "position_of", "split"]

Shape = tuple[int, ...]

_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")


@_inline
def position_of(
    at: Any, stride: int, padding: int, offset: int, size: int, transposed: bool
) -> Any:
    """Return the row or column that an element of a kernel falls on; -1 if outside."""
    if transposed:
        position = at * stride - padding + offset
    else:
        far = at + padding - offset
        position = far // stride
        if position * stride != far:
            position = -1
    return position if 0 <= position < size else -1


@_inline
def _add_arriving(
    to: Any, values: Any, scale: Any, key: Any, target: Any, apart: Any, limit: Any
) -> None:
    """Add values times `scale` where a spike arrives; targets are `apart` from each other."""
    real = to.dtype.type
    for c in range(values.size):
        added = scale * real(values[c])
        to[c] += added if arrives(key, target + c * apart, limit) else real(0)


@_compiled
def add_listed(
    sums: np.ndarray, first: np.ndarray, reached: np.ndarray, copy: np.ndarray,
    weight: np.ndarray, spikes: SpikeRows, origin: np.ndarray, keys: np.ndarray, limit: Any,
    low: int, high: int, backward: bool,
) -> None:  # fmt: skip
    """Add the synapses ``first[i]:first[i + 1]`` at which a spike of neuron i arrives.

    Backward, `sums` is a gradient, and that of the weight is added to `weight`.
    """
    outputs = sums.shape[1]
    start, node, value = spikes
    graded = value.size > 0
    real = sums.dtype.type
    for b in range(low, high):
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            key = draw(keys[b], origin[k])
            for synapse in range(first[node[k]], first[node[k] + 1]):
                j = reached[synapse]
                if arrives(key, j + np.int64(copy[synapse]) * outputs, limit):
                    if backward:
                        weight[synapse] += scale * sums[b, j]
                    else:
                        sums[b, j] += scale * real(weight[synapse])


@_compiled
def add_kernels(
    sums: np.ndarray, weight: np.ndarray, image: Shape, out: Shape, stride: Shape, padding: Shape,
    dilation: Shape, groups: int, transposed: bool, spikes: SpikeRows,
    origin: np.ndarray, keys: np.ndarray, limit: Any, low: int, high: int, backward: bool,
) -> None:  # fmt: skip
    """Add kernels where a spike arrives.

    ``weight`` is ``(in, height, width, out/groups)`` for a convolution and for its transpose, and
    ``sums`` is ``(rows, height, width, out)``. Backward, `sums` is a gradient, and that of the
    weight is added to `weight`.
    """
    start, node, value = spikes
    rows, columns, channels = weight.shape[1], weight.shape[2], weight.shape[3]
    positions = out[1] * out[2]
    pixels = image[1] * image[2]
    each = image[0] // groups
    graded = value.size > 0
    real = sums.dtype.type
    for b in range(low, high):
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            key = draw(keys[b], origin[k])
            channel, pixel = divmod(node[k], pixels)
            y, x = divmod(pixel, image[2])
            begin = channel // each * channels
            for ky in range(rows):
                oy = position_of(y, stride[0], padding[0], ky * dilation[0], out[1], transposed)
                if oy < 0:
                    continue
                for kx in range(columns):
                    ox = position_of(x, stride[1], padding[1], kx * dilation[1], out[2], transposed)
                    if ox < 0:
                        continue
                    kernel = weight[channel, ky, kx]
                    reached = sums[b, oy, ox, begin : begin + channels]
                    j = begin * positions + oy * out[2] + ox
                    if backward:
                        _add_arriving(kernel, reached, scale, key, j, positions, limit)
                    else:
                        _add_arriving(reached, kernel, scale, key, j, positions, limit)


@_compiled
def split(
    first: np.ndarray, reached: np.ndarray, weight: np.ndarray, spikes: SpikeRows,
    empty: np.ndarray,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return each spike once for each pooling window around it, and the neuron it comes from."""
    start, node, value = spikes
    graded = value.size > 0
    samples, number = start.size - 1, 0
    for k in range(node.size):
        number += first[node[k] + 1] - first[node[k]]
    starts = np.zeros(samples + 1, np.int64)
    nodes, values = np.empty(number, np.int32), np.empty(number, empty.dtype)
    origin = np.empty(number, np.int32)
    found = 0
    for b in range(samples):
        for k in range(start[b], start[b + 1]):
            for window in range(first[node[k]], first[node[k] + 1]):
                nodes[found], origin[found] = reached[window], node[k]
                values[found] = weight[window] * (value[k] if graded else 1)
                found += 1
        starts[b + 1] = found
    return starts, nodes, values, origin
