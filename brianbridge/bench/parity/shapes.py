"""Random shapes: of populations, convolutions and pooling windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import Convolution, Pooling

__all__ = [
    "LARGE",
    "SMALL",
    "Shape",
    "Sizes",
    "convolution",
    "input_shape",
    "pooling",
    "target_shape",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """Limit the sizes that are drawn.

    Parameters
    ----------
    sides : tuple of int
        Heights and widths of images.
    channels : int
        Largest number of channels of an image.
    flat : tuple of int
        Number of neurons of a population without an image: smallest, and one above the largest.
    synapses : int
        Largest number of synapses of a sparse projection.
    """

    sides: tuple[int, ...]
    channels: int
    flat: tuple[int, int]
    synapses: int


SMALL = Sizes((2, 3, 5, 7), 2, (1, 6), 40)
LARGE = Sizes((8, 11, 14, 17), 4, (20, 300), 5000)


def input_shape(rng: np.random.Generator, sizes: Sizes) -> Shape:
    """Draw the shape of the input: an image, mostly with channels."""
    height, width = rng.choice(sizes.sides, 2)
    image = (int(rng.integers(1, 3)), int(height), int(width))
    return image if rng.random() < 0.8 else image[1:]


def target_shape(rng: np.random.Generator, sizes: Sizes, flat: bool = False) -> Shape:
    """Draw the shape of a population: an image, or a number of neurons."""
    if flat or rng.random() < 0.3:
        return (int(rng.integers(*sizes.flat)),)
    sides = (1, *sizes.sides)[:4]
    channels = int(rng.integers(1, sizes.channels + 2))
    return (channels, *(int(side) for side in rng.choice(sides, 2)))


def convolution(
    rng: np.random.Generator, source: Shape, depthwise: bool
) -> tuple[Convolution, Shape, Shape]:
    """Draw a convolution that fits an image.

    Returns
    -------
    tuple
        The convolution, the shape of its weights and the shape of its target.
    """
    while True:
        groups = int(rng.choice([g for g in range(1, source[0] + 1) if source[0] % g == 0]))
        groups = source[0] if depthwise else groups
        kernel, padding = _pair(rng, 1, 4), _pair(rng, 0, 3)
        stride, dilation = _pair(rng, 1, 4), _pair(rng, 1, 3)
        connection = Convolution(stride, padding, dilation, groups)
        channels = groups * int(rng.integers(1, 3))
        try:
            target = connection.output_shape(source, channels, kernel)
        except InputError:
            continue
        return connection, (channels, source[0] // groups, *kernel), target


def pooling(rng: np.random.Generator, shape: Shape, dyadic: bool) -> Pooling | None:
    """Draw a pooling that fits an image; None if there is no image or nothing fitted.

    In a dyadic network the means are over windows whose size is a power of two.
    """
    if len(shape) == 1:
        return None
    for _ in range(20):
        size = _pair(rng, 1, 4)
        mode: Literal["average", "sum"] = "average" if rng.random() < 0.5 else "sum"
        if dyadic and 3 in size:
            mode = "sum"
        stride = None if rng.random() < 0.5 else _pair(rng, 1, 4)
        padding = _pair(rng, 0, np.array(size) // 2 + 1)
        pool = Pooling(mode, size, stride, padding)
        try:
            pool.output_shape(shape)
        except InputError:
            continue
        return pool
    return None


def _pair(rng: np.random.Generator, low: int, high: Any) -> tuple[int, int]:
    """Draw two whole numbers from `low` to `high - 1`."""
    first, second = rng.integers(low, high, 2)
    return int(first), int(second)
