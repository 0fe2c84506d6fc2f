"""The convolution of spikes and kernels: add the weights of each spike.

For each target pixel and each row of its window, the spikes in the window are neighbours in their
list. A spike adds one row of weights, of up to 32 or 64 channels, whose sums stay in registers: the
loops are written for both widths. Some rows of targets are computed at a time, so that they stay in
the second cache of the processor.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import cache
from types import ModuleType

import numpy as np

from brianbridge.kernels.generated import import_source
from brianbridge.kernels.memory import reused, scratch
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.vectors import LANES
from brianbridge.twin.products.image_spikes import ImageSpikes

__all__ = ["Windows", "convolution", "kernel_gradient"]

#: Vectors of channels that are summed at once, of few and of many channels.
_FEW, _MANY = 2, 4
#: Numbers of the rows of a band.
_BAND = 2**14


@dataclass(frozen=True)
class Windows:
    """Describe the windows of a convolution, each as (vertical, horizontal).

    Parameters
    ----------
    target : tuple of int
        Height and width of the images of the target.
    kernel, stride, padding : tuple of int
        Size of the window, pixels between windows, and pixels outside the image.
    """

    target: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


def convolution(spikes: ImageSpikes, weight: np.ndarray, windows: Windows) -> np.ndarray:
    """Return the convolution of spikes and kernels.

    Parameters
    ----------
    spikes : ImageSpikes
        The spikes of images of shape (images, height, width, channels).
    weight : numpy.ndarray, shape (targets, channels, height, width)
        The kernels, of the type of the spike values.
    windows : Windows
        The windows.

    Returns
    -------
    numpy.ndarray, shape (images, height, width, targets)

    Examples
    --------
    >>> from brianbridge.twin.products.image_spikes import find_in_images
    >>> spikes = find_in_images(np.array([[[[0.0], [1], [1]]]]))
    >>> windows = Windows((1, 2), (1, 2), (1, 1), (0, 0))
    >>> convolution(spikes, np.array([[[[1.0, 2]]]]), windows)[0, 0, :, 0]
    array([2., 3.])
    """
    images, targets = spikes.shape[0], len(weight)
    loops, width = _loops(targets)
    tiles = -(-targets // width)
    padded = np.zeros((*weight.shape[1:], tiles * width), weight.dtype)
    padded[..., :targets] = weight.transpose(1, 2, 3, 0)
    # Kernels as rows of one spike each: [tile][y][x][channel][target].
    rows = padded.reshape(*padded.shape[:3], tiles, width).transpose(3, 1, 2, 0, 4)
    kernels = np.ascontiguousarray(rows).reshape(-1)
    result = reused((images, *windows.target, targets), weight.dtype)
    band, least = _band(windows, width), _least(spikes, windows, targets)

    def part(low: int, high: int) -> None:
        tile = scratch(band * windows.target[1] * width, weight.dtype)
        loops.convolution(
            *_lists(spikes), low, high, spikes.shape[1:], *astuple(windows), kernels, targets,
            band, tile, result.reshape(-1),
        )  # fmt: skip

    in_threads(part, images, least)
    return result


def kernel_gradient(spikes: ImageSpikes, gradient: np.ndarray, windows: Windows) -> np.ndarray:
    """Return the gradient of the kernels.

    Each thread adds up its own images. The sum depends on the number of threads in its last bits,
    like those of torch.

    Parameters
    ----------
    spikes : ImageSpikes
        The spikes of images of shape (images, height, width, channels).
    gradient : numpy.ndarray, shape (images, height, width, targets)
        Gradient of the convolution, contiguous.
    windows : Windows
        The windows.

    Returns
    -------
    numpy.ndarray, shape (targets, channels, height, width)

    Examples
    --------
    >>> from brianbridge.twin.products.image_spikes import find_in_images
    >>> spikes = find_in_images(np.array([[[[0.0], [1], [1]]]]))
    >>> windows = Windows((1, 2), (1, 2), (1, 1), (0, 0))
    >>> kernel_gradient(spikes, np.array([[[[3.0], [5]]]]), windows)
    array([[[[5., 8.]]]])
    """
    targets, channels = gradient.shape[3], spikes.shape[3]
    loops, width = _loops(targets)
    tiles = -(-targets // width)
    shape = (tiles, *windows.kernel, channels, width)
    band, least = _band(windows, width), _least(spikes, windows, targets)
    sums: dict[int, np.ndarray] = {}

    def part(low: int, high: int) -> None:
        tile = scratch(band * windows.target[1] * width, gradient.dtype)
        total = sums[low] = np.zeros(shape, gradient.dtype)
        loops.kernel_gradient(
            *_lists(spikes), low, high, spikes.shape[1:], *astuple(windows), total.reshape(-1),
            targets, band, tile, gradient.reshape(-1),
        )  # fmt: skip

    in_threads(part, spikes.shape[0], least)
    whole = sum((sums[low] for low in sorted(sums)), np.zeros(shape, gradient.dtype))
    # From [tile][y][x][channel][target].
    found = whole.transpose(0, 4, 3, 1, 2).reshape(-1, channels, *windows.kernel)[:targets]
    return np.ascontiguousarray(found)


def _lists(spikes: ImageSpikes) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    return spikes.first, spikes.place, spikes.value, spikes.value.size > 0


def _band(windows: Windows, width: int) -> int:
    """Return the number of rows of targets that are computed at a time."""
    height, row = windows.target
    return max(1, min(height, _BAND // max(1, row * width)))


def _least(spikes: ImageSpikes, windows: Windows, targets: int) -> int:
    """Return how many images are worth a thread."""
    height, width = windows.target
    additions = len(spikes.place) * math.prod(windows.kernel) // max(1, spikes.shape[0])
    # Each sum is stored once for each row of its window.
    work = (additions + height * width * windows.kernel[0]) * targets
    return max(LANES, 1_000_000 // max(1, work))


@cache
def _loops(targets: int) -> tuple[ModuleType, int]:
    """Return the loops for some targets, and how many of these they sum at once."""
    vectors = _FEW if targets <= _FEW * LANES else _MANY
    return import_source(_source(vectors)), vectors * LANES


def _source(vectors: int) -> str:
    """Return the source of both loops for a number of vectors of channels."""
    each = range(vectors)
    names = {
        "width": vectors * LANES,
        "zero": "; ".join(f"store(tile, q + {16 * v}, none)" for v in each),
        "none": "; ".join(f"s{v} = none" for v in each),
        "load": "; ".join(f"s{v} = load(tile, q + {16 * v})" for v in each),
        "save": "; ".join(f"store(tile, q + {16 * v}, s{v})" for v in each),
        "add": "; ".join(f"s{v} = add(s{v}, load(kernels, r + {16 * v}))" for v in each),
        "add_scaled": "; ".join(
            f"s{v} = add(s{v}, multiply(scale, load(kernels, r + {16 * v})))" for v in each
        ),
        "give": "; ".join(
            f"store(kernels, r + {16 * v}, add(load(kernels, r + {16 * v}), s{v}))" for v in each
        ),
        "give_scaled": "; ".join(
            f"store(kernels, r + {16 * v}, add(load(kernels, r + {16 * v}), multiply(scale, s{v})))"
            for v in each
        ),
    }
    return _TEXT.format(**names)


_TEXT = '''"""Loops of convolutions of spikes."""
import numpy as np
from brianbridge.compiled import compiled
from brianbridge.kernels.vectors import add, load, multiply, spread, store


@compiled(nogil=True, error_model="numpy")
def convolution(
    first, place, value, graded, low, high, image, target, kernel, stride, padding, kernels,
    targets, band, tile, result,
):
    height, width, channels = image
    none = spread(kernels.dtype.type(0))
    for n in range(low, high):
        for top in range(0, target[0], band):
            rows = min(band, target[0] - top)
            for begin in range(0, targets, {width}):
                for i in range(kernel[0]):
                    # Kernels of this tile of targets, and of this row of the window.
                    row_of_kernels = (begin//{width}*kernel[0] + i)*kernel[1]*channels
                    for j in range(rows):
                        y = (top + j)*stride[0] + i - padding[0]
                        inside = 0 <= y < height
                        if not inside and i > 0:
                            continue
                        row = (n*height + y)*width if inside else 0
                        for x in range(target[1]):
                            q = (j*target[1] + x)*{width}
                            if not inside:
                                {zero}
                                continue
                            left = x*stride[1] - padding[1]
                            base = row_of_kernels - left*channels
                            right = max(min(left + kernel[1], width), 0)
                            left = min(max(left, 0), width)
                            if i == 0:
                                {none}
                            else:
                                {load}
                            if graded:
                                for k in range(first[row + left], first[row + right]):
                                    r = (base + np.intp(place[k]))*{width}
                                    scale = spread(value[k])
                                    {add_scaled}
                            else:
                                for k in range(first[row + left], first[row + right]):
                                    r = (base + np.intp(place[k]))*{width}
                                    {add}
                            {save}
                most = min({width}, targets - begin)
                for q in range(rows*target[1]):
                    at = ((n*target[0] + top)*target[1] + q)*targets + begin
                    for v in range(0, most//16*16, 16):
                        store(result, at + v, load(tile, q*{width} + v))
                    for v in range(most//16*16, most):
                        result[at + v] = tile[q*{width} + v]


@compiled(nogil=True, error_model="numpy")
def kernel_gradient(
    first, place, value, graded, low, high, image, target, kernel, stride, padding, kernels,
    targets, band, tile, gradient,
):
    height, width, channels = image
    tile[:] = 0
    for n in range(low, high):
        for top in range(0, target[0], band):
            rows = min(band, target[0] - top)
            for begin in range(0, targets, {width}):
                most = min({width}, targets - begin)
                for q in range(rows*target[1]):
                    at = ((n*target[0] + top)*target[1] + q)*targets + begin
                    for v in range(0, most//16*16, 16):
                        store(tile, q*{width} + v, load(gradient, at + v))
                    for v in range(most//16*16, most):
                        tile[q*{width} + v] = gradient[at + v]
                for i in range(kernel[0]):
                    row_of_kernels = (begin//{width}*kernel[0] + i)*kernel[1]*channels
                    for j in range(rows):
                        y = (top + j)*stride[0] + i - padding[0]
                        if not 0 <= y < height:
                            continue
                        row = (n*height + y)*width
                        for x in range(target[1]):
                            q = (j*target[1] + x)*{width}
                            left = x*stride[1] - padding[1]
                            base = row_of_kernels - left*channels
                            right = max(min(left + kernel[1], width), 0)
                            left = min(max(left, 0), width)
                            {load}
                            if graded:
                                for k in range(first[row + left], first[row + right]):
                                    r = (base + np.intp(place[k]))*{width}
                                    scale = spread(value[k])
                                    {give_scaled}
                            else:
                                for k in range(first[row + left], first[row + right]):
                                    r = (base + np.intp(place[k]))*{width}
                                    {give}
'''
