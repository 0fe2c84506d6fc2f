"""Add the weights of spikes to a batch of neurons: compiled loops.

Everything here works on one time step of B samples. Spikes are `SpikeList`: sample after sample,
where sample b has entries ``start[b]:start[b + 1]``. Targets are arrays ``(B, out)``. Threads
share the samples out, each sample is summed by one thread in a fixed order, and nothing is locked:
results do not depend on the number of threads.

Each sum is formed in a buffer, in the type of the target, and then added to the target, as the
twin adds the product of weights and spikes; where a mask is given (targets that are refractory),
only to those open. Weights stay in the type they were trained in: single precision takes half the
time to read, and the sum in double precision is the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from brianbridge.compiled import compiled

__all__ = [
    "SpikeList",
    "add_conv",
    "add_dense",
    "add_matching",
    "add_open",
    "add_product",
    "add_sparse",
    "from_dense",
    "image_columns",
    "place_of",
    "pooled",
    "split",
]


class SpikeList(NamedTuple):
    """Hold the spikes of a step, sample after sample.

    Parameters
    ----------
    start : numpy.ndarray of int64, shape (samples + 1,)
        Where the spikes of each sample begin.
    node : numpy.ndarray of int32, shape (spikes,)
        Neuron within its population, ascending within a sample.
    value : numpy.ndarray of float, shape (spikes,) or (0,)
        Spike values; empty if all are 1.
    """

    start: np.ndarray
    node: np.ndarray
    value: np.ndarray


#: No value and no mask: an empty array, for compiled code knows no None.
NO_MASK = np.empty(0, np.bool_)
#: So many silent neurons are passed over at a time.
_TOGETHER = 16
_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")


@_compiled
def split(spikes: np.ndarray, count: int, neurons: int, samples: int) -> tuple:
    """Return start and node of the ascending indices of a group of ``samples*neurons``."""
    start = np.zeros(samples + 1, np.int64)
    node = np.empty(count, np.int32)
    sample, low = 0, 0
    for k in range(count):
        while spikes[k] - low >= neurons:
            low += neurons
            sample += 1
            start[sample] = k
        node[k] = spikes[k] - low
    for rest in range(sample + 1, samples + 1):
        start[rest] = count
    return start, node


@_inline
def _note(row: np.ndarray, low: int, high: int, node: np.ndarray, found: Any) -> Any:
    # Without a branch: what is silent is overwritten by what comes next.
    for i in range(low, high):
        node[found] = i
        found += np.uint64(row[i] != 0)
    return found


@_compiled
def from_dense(raster: np.ndarray, dtype: np.ndarray, graded: bool) -> tuple:
    """Return start, node and value of a dense raster ``(samples, neurons)``.

    ``dtype`` is an empty array of the type that values shall have; they are left out where they
    are not ``graded``.
    """
    samples, neurons = raster.shape
    whole = neurons // _TOGETHER * _TOGETHER
    start = np.zeros(samples + 1, np.int64)
    node = np.empty(samples * neurons + 1, np.int32)
    found: Any = np.uint64(0)
    for b in range(samples):
        row = raster[b]
        # In blocks of a fixed size: most are silent, and told so by one comparison.
        for low in range(0, whole, _TOGETHER):
            active = False
            for i in range(_TOGETHER):
                active |= row[low + i] != 0
            if active:
                found = _note(row, low, low + _TOGETHER, node, found)
        found = _note(row, whole, neurons, node, found)
        start[b + 1] = found
    value = np.empty(start[samples] if graded else 0, dtype.dtype)
    if graded:
        for b in range(samples):
            for k in range(start[b], start[b + 1]):
                value[k] = raster[b, node[k]]
    return start, node[:found].copy(), value


@_inline
def add_open(target: np.ndarray, total: np.ndarray, mask: np.ndarray, low: int) -> None:
    """Add sums to the targets of a sample that are open; its mask begins at `low`."""
    if mask.size == 0:
        for j in range(total.size):
            target[j] += total[j]
    else:
        for j in range(total.size):
            if mask[low + j]:
                target[j] += total[j]


@_compiled
def add_dense(
    target: np.ndarray, weight: np.ndarray, start: np.ndarray, node: np.ndarray,
    value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Add rows of ``weight (in + 1, out)``, eight in one pass over the target.

    The last row is 0 and fills up the last pass.
    """
    samples, outputs = target.shape
    silent = weight.shape[0] - 1
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        low, end = start[b], start[b + 1]
        if low == end:
            continue
        total = np.zeros(outputs, target.dtype)
        rows = np.full(8, silent)
        scales = np.zeros(8, target.dtype)
        for k in range(low, end, 8):
            for i in range(8):
                rows[i] = node[k + i] if k + i < end else silent
                scales[i] = value[k + i] if graded and k + i < end else real(0)
            r0, r1, r2, r3 = weight[rows[0]], weight[rows[1]], weight[rows[2]], weight[rows[3]]
            r4, r5, r6, r7 = weight[rows[4]], weight[rows[5]], weight[rows[6]], weight[rows[7]]
            if graded:
                s0, s1, s2, s3 = scales[0], scales[1], scales[2], scales[3]
                s4, s5, s6, s7 = scales[4], scales[5], scales[6], scales[7]
                for j in range(outputs):
                    total[j] += (
                        (s0 * real(r0[j]) + s1 * real(r1[j]))
                        + (s2 * real(r2[j]) + s3 * real(r3[j]))
                    ) + (
                        (s4 * real(r4[j]) + s5 * real(r5[j]))
                        + (s6 * real(r6[j]) + s7 * real(r7[j]))
                    )
            else:
                for j in range(outputs):
                    total[j] += ((real(r0[j]) + real(r1[j])) + (real(r2[j]) + real(r3[j]))) + (
                        (real(r4[j]) + real(r5[j])) + (real(r6[j]) + real(r7[j]))
                    )
        add_open(target[b], total, mask, b * outputs)


@_compiled
def add_sparse(
    target: np.ndarray, first: np.ndarray, reached: np.ndarray, weight: np.ndarray,
    start: np.ndarray, node: np.ndarray, value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Add the synapses ``first[i]:first[i + 1]`` of every neuron i that fired."""
    samples, outputs = target.shape
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        if start[b] == start[b + 1]:
            continue
        total = np.zeros(outputs, target.dtype)
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            for synapse in range(first[node[k]], first[node[k] + 1]):
                total[reached[synapse]] += scale * real(weight[synapse])
        add_open(target[b], total, mask, b * outputs)


@_compiled
def add_matching(
    target: np.ndarray, weight: np.ndarray, start: np.ndarray, node: np.ndarray,
    value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Add the weight of every neuron that fired to the one at its place."""
    samples, outputs = target.shape
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        for k in range(start[b], start[b + 1]):
            i = node[k]
            if mask.size == 0 or mask[b * outputs + i]:
                scale = value[k] if graded else real(1)
                target[b, i] += scale * real(weight[i if weight.size > 1 else 0])


@_inline
def place_of(at: Any, stride: int, padding: int, offset: int, size: int, transposed: bool) -> Any:
    """Return the row or column that an element of a kernel falls on; -1 if none."""
    if transposed:
        place = at * stride - padding + offset
    else:
        far = at + padding - offset
        place = far // stride
        if place * stride != far:
            place = -1
    return place if 0 <= place < size else -1


@_compiled
def add_conv(
    target: np.ndarray, weight: np.ndarray, image: tuple, out: tuple, stride: tuple,
    padding: tuple, dilation: tuple, groups: int, transposed: bool,
    start: np.ndarray, node: np.ndarray, value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Stamp the kernels of every neuron that fired onto the target.

    ``weight`` is ``(in, height, width, out/groups)``, for both directions; ``image`` and ``out``
    are ``(channels, height, width)``.
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
                oy = place_of(y, stride[0], padding[0], ky * dilation[0], high, transposed)
                if oy < 0:
                    continue
                for kx in range(columns):
                    ox = place_of(x, stride[1], padding[1], kx * dilation[1], wide, transposed)
                    if ox < 0:
                        continue
                    place = total[oy * wide + ox]
                    kernel = weight[channel, ky, kx]
                    for c in range(channels):
                        place[low + c] += scale * real(kernel[c])
        row = target[b]
        for c in range(out[0]):
            for p in range(high * wide):
                j = c * high * wide + p
                if mask.size == 0 or mask[b * row.size + j]:
                    row[j] += total[p, c]


@_compiled
def add_product(target: np.ndarray, total: np.ndarray, mask: np.ndarray) -> None:
    """Add what was multiplied densely, ``(B, out)``."""
    for b in range(target.shape[0]):
        add_open(target[b], total[b], mask, b * target.shape[1])


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
            # The windows that hold this pixel, without their clipping at the border.
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
    """Return the windows of dense images as columns, ``(samples, channels*kernel, places)``."""
    samples = sums.shape[0]
    places = out[1] * out[2]
    columns = np.zeros((samples, image[0] * kernel[0] * kernel[1], places), sums.dtype)
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
