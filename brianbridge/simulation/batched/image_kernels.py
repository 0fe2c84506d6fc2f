"""Compiled loops over images: convolution, pooling, and columns for a dense product.

They work as those in `brianbridge.simulation.batched.kernels`. Images are shapes
``(channels, height, width)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled

__all__ = ["add_conv", "image_columns", "pooled", "position_of"]

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


@_compiled
def add_conv(
    target: np.ndarray, weight: np.ndarray, image: tuple, out: tuple, stride: tuple,
    padding: tuple, dilation: tuple, groups: int, transposed: bool,
    start: np.ndarray, node: np.ndarray, value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Add the kernels of every neuron that fired to the target.

    ``weight`` is ``(in, height, width, out/groups)`` for a convolution and for its transpose.
    """
    samples = target.shape[0]
    rows, columns, channels = weight.shape[1], weight.shape[2], weight.shape[3]
    high, wide = out[1], out[2]
    pixels = image[1] * image[2]
    each = image[0] // groups
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        if start[b] == start[b + 1]:
            continue
        total = np.zeros((high * wide, out[0]), target.dtype)
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            channel, pixel = divmod(node[k], pixels)
            y, x = divmod(pixel, image[2])
            low = channel // each * channels
            for ky in range(rows):
                oy = position_of(y, stride[0], padding[0], ky * dilation[0], high, transposed)
                if oy < 0:
                    continue
                for kx in range(columns):
                    ox = position_of(x, stride[1], padding[1], kx * dilation[1], wide, transposed)
                    if ox < 0:
                        continue
                    sums = total[oy * wide + ox]
                    kernel = weight[channel, ky, kx]
                    for c in range(channels):
                        sums[low + c] += scale * real(kernel[c])
        row = target[b]
        for c in range(out[0]):
            for p in range(high * wide):
                j = c * high * wide + p
                if mask.size == 0 or mask[b * row.size + j]:
                    row[j] += total[p, c]


@_compiled
def pooled(
    start: np.ndarray, node: np.ndarray, value: np.ndarray, image: tuple, out: tuple, size: tuple,
    stride: tuple, padding: tuple, dtype: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the sum of spike values over windows, dense: ``(samples, pooled neurons)``."""
    samples = start.size - 1
    pixels = image[1] * image[2]
    graded = value.size > 0
    sums = np.zeros((samples, out[0] * out[1] * out[2]), dtype.dtype)
    for b in range(samples):
        for k in range(start[b], start[b + 1]):
            channel, pixel = divmod(node[k], pixels)
            y, x = divmod(pixel, image[2])
            scale = value[k] if graded else 1
            # The last windows that hold this pixel, not yet clipped at the border.
            last_y, last_x = (y + padding[0]) // stride[0], (x + padding[1]) // stride[1]
            for oy in range(
                max(0, (y + padding[0] - size[0]) // stride[0] + 1), min(last_y + 1, out[1])
            ):
                for ox in range(
                    max(0, (x + padding[1] - size[1]) // stride[1] + 1), min(last_x + 1, out[2])
                ):
                    sums[b, (channel * out[1] + oy) * out[2] + ox] += scale
    return sums


@_compiled
def image_columns(
    sums: np.ndarray, image: tuple, out: tuple, kernel: tuple, stride: tuple, padding: tuple,
    dilation: tuple,
) -> np.ndarray:  # fmt: skip
    """Return the windows of dense images as columns, ``(samples, channels*kernel, positions)``."""
    samples = sums.shape[0]
    positions = out[1] * out[2]
    columns = np.zeros((samples, image[0] * kernel[0] * kernel[1], positions), sums.dtype)
    for b in range(samples):
        for c in range(image[0]):
            for ky in range(kernel[0]):
                for kx in range(kernel[1]):
                    row = (c * kernel[0] + ky) * kernel[1] + kx
                    for oy in range(out[1]):
                        y = oy * stride[0] - padding[0] + ky * dilation[0]
                        if y < 0 or y >= image[1]:
                            continue
                        for ox in range(out[2]):
                            x = ox * stride[1] - padding[1] + kx * dilation[1]
                            if x >= 0 and x < image[2]:
                                columns[b, row, oy * out[2] + ox] = sums[
                                    b, (c * image[1] + y) * image[2] + x
                                ]
    return columns
