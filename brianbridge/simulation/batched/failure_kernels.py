"""Add the weights of spikes that may fail to arrive: compiled loops.

They run synapse by synapse, and take several times as long as those without failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.counters import draw
from brianbridge.simulation.batched.fates import arrives
from brianbridge.simulation.batched.image_kernels import position_of
from brianbridge.simulation.batched.kernels import add_open
from brianbridge.simulation.batched.spikes import SpikeList

__all__ = ["add_conv_arriving", "add_sparse_arriving", "split_by_window"]

_compiled = compiled(nogil=True, error_model="numpy")


@_compiled
def add_sparse_arriving(
    target: np.ndarray, first: np.ndarray, reached: np.ndarray, copy: np.ndarray,
    weight: np.ndarray, spikes: SpikeList, origin: np.ndarray, mask: np.ndarray, keys: np.ndarray,
    limit: Any,
) -> None:  # fmt: skip
    """Add the synapses ``first[i]:first[i + 1]`` at which a spike of neuron i arrives."""
    samples, outputs = target.shape
    start, node, value = spikes
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        if start[b] == start[b + 1]:
            continue
        total = np.zeros(outputs, target.dtype)
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            key = draw(keys[b], origin[k])
            for synapse in range(first[node[k]], first[node[k] + 1]):
                j = reached[synapse]
                if arrives(key, j + np.int64(copy[synapse]) * outputs, limit):
                    total[j] += scale * real(weight[synapse])
        add_open(target[b], total, mask, b * outputs)


@_compiled
def add_conv_arriving(
    target: np.ndarray, weight: np.ndarray, image: tuple, out: tuple, stride: tuple,
    padding: tuple, dilation: tuple, groups: int, transposed: bool, spikes: SpikeList,
    origin: np.ndarray, mask: np.ndarray, keys: np.ndarray, limit: Any,
) -> None:  # fmt: skip
    """Add kernels to the target where a spike arrives; see `image_kernels.add_conv`."""
    samples, outputs = target.shape
    start, node, value = spikes
    rows, columns, channels = weight.shape[1], weight.shape[2], weight.shape[3]
    positions = out[1] * out[2]
    pixels = image[1] * image[2]
    each = image[0] // groups
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        if start[b] == start[b + 1]:
            continue
        total = np.zeros(outputs, target.dtype)
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            key = draw(keys[b], origin[k])
            channel, pixel = divmod(node[k], pixels)
            y, x = divmod(pixel, image[2])
            low = channel // each * channels
            for ky in range(rows):
                oy = position_of(y, stride[0], padding[0], ky * dilation[0], out[1], transposed)
                if oy < 0:
                    continue
                for kx in range(columns):
                    ox = position_of(x, stride[1], padding[1], kx * dilation[1], out[2], transposed)
                    if ox < 0:
                        continue
                    kernel = weight[channel, ky, kx]
                    for c in range(channels):
                        j = (low + c) * positions + oy * out[2] + ox
                        if arrives(key, j, limit):
                            total[j] += scale * real(kernel[c])
        add_open(target[b], total, mask, b * outputs)


@_compiled
def split_by_window(
    first: np.ndarray, reached: np.ndarray, weight: np.ndarray, spikes: SpikeList,
    empty: np.ndarray,
) -> tuple:  # fmt: skip
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
