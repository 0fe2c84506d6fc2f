"""Compiled loops over images: pooling, and columns for a dense product.

They work as those in `brianbridge.simulation.batched.kernels`. Images are shapes
``(channels, height, width)``.
"""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled

__all__ = ["image_columns", "pooled"]

_compiled = compiled(nogil=True, error_model="numpy")


@_compiled
def pooled(
    start: np.ndarray, node: np.ndarray, value: np.ndarray, first: np.ndarray, windows: np.ndarray,
    sums: np.ndarray,
) -> None:  # fmt: skip
    """Add spike values to the sums of windows, ``(samples, windows)``.

    Neuron i is in the windows ``windows[first[i]:first[i + 1]]``.
    """
    graded = value.size > 0
    for b in range(start.size - 1):
        row = sums[b]
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else 1
            for w in range(first[node[k]], first[node[k] + 1]):
                row[windows[w]] += scale


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
