"""Shapes of images, and positions of windows and kernels in them.

An image is a population of shape ``(channels, height, width)``; a population of shape
``(height, width)`` counts as one channel. Stride, padding and dilation have torch's meaning.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.errors import InputError

__all__ = ["Image", "Pair", "image_shape", "kernel_pixels", "pair", "slide"]

Pair = tuple[int, int]
Image = tuple[int, int, int]


def pair(value: Any, what: str, at_least: int = 1) -> Pair:
    """Return one number or two as ``(height, width)``.

    Raises
    ------
    InputError
        If they are not whole numbers of at least `at_least`.

    Examples
    --------
    >>> pair(3, "stride")
    (3, 3)
    """
    values = tuple(value) if np.iterable(value) else (value, value)
    whole = all(
        isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= at_least
        for v in values
    )
    if len(values) != 2 or not whole:
        raise InputError(
            f"{what} = {value!r}; give one or two whole numbers of at least {at_least}"
        )
    return int(values[0]), int(values[1])


def image_shape(shape: tuple[int, ...], what: str) -> Image:
    """Return a shape as ``(channels, height, width)``.

    Raises
    ------
    InputError
        If it is not the shape of an image.
    """
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) != 3:
        raise InputError(
            f"{what}: shape {shape} is not an image; give (channels, height, width) or (height, "
            "width)"
        )
    return shape


def slide(
    image: Image, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, what: str
) -> Pair:
    """Return the height and width of the output of a sliding kernel.

    Raises
    ------
    InputError
        If the kernel is empty or does not fit into the padded image.
    """
    if min(kernel) < 1:
        raise InputError(
            f"{what}: a kernel of size {tuple(kernel)} is empty; give a size of at least 1"
        )
    axes = zip(image[1:], kernel, stride, padding, dilation, strict=True)
    height, width = (_positions(*axis) for axis in axes)
    if height < 1 or width < 1:
        reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        padded = tuple(s + 2 * p for s, p in zip(image[1:], padding, strict=True))
        raise InputError(
            f"{what}: a kernel that spans {reach} is larger than its padded input {padded}; make "
            "it smaller or pad more"
        )
    return height, width


def _positions(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return how many positions a kernel has along one axis; 0 or less if it does not fit."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def kernel_pixels(
    image: Pair, out: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return flat indices of kernel positions, kernel elements, and the pixels under them.

    Padding is left out.
    """
    positions = np.stack(np.meshgrid(*map(np.arange, out), indexing="ij")).reshape(2, -1, 1)
    elements = np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij")).reshape(2, 1, -1)
    across = (2, 1, 1)
    pixels = (
        positions * np.reshape(stride, across)
        - np.reshape(padding, across)
        + elements * np.reshape(dilation, across)
    )
    inside = ((pixels >= 0) & (pixels < np.reshape(image, across))).all(0)
    position, element = np.nonzero(inside)
    return position, element, (pixels[0] * image[1] + pixels[1])[inside]
