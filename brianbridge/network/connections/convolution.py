"""Connections of images: convolution and its transpose.

Shapes and parameters have torch's meaning: a population is ``(channels, height, width)``,
a kernel ``(out, in/groups, height, width)``, and that of a transposed convolution ``(in,
out/groups, height, width)``. A population of shape ``(height, width)`` counts as one channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections.base import Connection, Shape
from brianbridge.network.connections.pairs import Pairs
from brianbridge.network.images import Image, Pair, image_shape, kernel_pixels, pair, slide

__all__ = ["Convolution", "SlidingKernel", "TransposedConvolution"]


@dataclass(frozen=True)
class SlidingKernel(Connection):
    """Base of a convolution and its transpose."""

    #: Whether kernels are spread over the target, rather than laid over the source.
    transposed: ClassVar[bool]

    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        what = f"connection '{self.kind}'"
        for name, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, name, pair(getattr(self, name), f"{what}: {name}", least))
        groups = self.groups
        if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1:
            raise InputError(f"{what}: groups = {groups!r}; give a whole number of at least 1")
        object.__setattr__(self, "groups", int(groups))

    def bias_shape(self, target: Shape) -> Shape:
        """Return ``(channels,)``."""
        return (image_shape(target, "target of a convolution")[0],)

    def check_pairs(self, weight: Shape, source: Shape, target: Shape, what: str) -> None:
        """Check nothing: a kernel of the right shape has the right pairs."""

    def check_groups(self, what: str, **channels: int) -> None:
        """Refuse numbers of channels that cannot be split into the groups."""
        for end, number in channels.items():
            if number % self.groups:
                raise InputError(
                    f"{what}: {number} {end} channels cannot be split into {self.groups} groups; "
                    "change either number"
                )

    def slide(self, image: Image, kernel: Shape, what: str) -> Pair:
        """Return the height and width of the kernel's output."""
        size = (kernel[0], kernel[1])
        return slide(image, size, self.stride, self.padding, self.dilation, what)

    def kernels_by_source(self, weight: np.ndarray) -> np.ndarray:
        """Return the kernels as ``(in, height, width, out/groups)``, contiguous."""
        if self.transposed:
            return np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
        grouped = weight.reshape(self.groups, -1, *weight.shape[1:]).transpose(0, 2, 3, 4, 1)
        return np.ascontiguousarray(grouped.reshape(-1, *grouped.shape[2:]))

    def unrolled(self, weight: Shape, image: Image, out: Image) -> Pairs:
        """Return the synapses of a convolution from `image` to `out`, in no particular order."""
        outputs, inputs, high, wide = weight
        position, tap, pixel = kernel_pixels(
            image[1:], out[1:], (high, wide), self.stride, self.padding, self.dilation
        )
        channel_out, channel_in = (a.ravel()[:, None] for a in np.indices((outputs, inputs)))
        group = channel_out // (outputs // self.groups)
        source = (group * inputs + channel_in) * (image[1] * image[2]) + pixel
        target = channel_out * (out[1] * out[2]) + position
        element = (channel_out * inputs + channel_in) * (high * wide) + tap
        return Pairs(source.ravel(), target.ravel(), element.ravel())


@dataclass(frozen=True)
class Convolution(SlidingKernel):
    """Slide kernels over the source, as ``torch.nn.Conv2d`` does.

    Parameters
    ----------
    stride, padding, dilation : int or (int, int)
        As in torch.
    groups : int
        Number of groups of channels, which are convolved separately.

    Examples
    --------
    >>> table = Convolution(padding=1).synapses(np.ones((1, 1, 3, 3)), (1, 2, 2), (1, 2, 2))
    >>> len(table.weight)
    16
    """

    kind: ClassVar[str] = "conv2d"
    by_target: ClassVar[bool] = True
    transposed: ClassVar[bool] = False

    def output_shape(
        self, source: Shape, channels: int, kernel: Shape, what: str = "convolution"
    ) -> Image:
        """Return the shape of the target: ``(channels, height, width)``."""
        image = image_shape(source, what)
        self.check_groups(what, input=image[0], output=channels)
        return (channels, *self.slide(image, kernel, what))

    def weight_shape(self, weight: Shape, source: Shape, target: Shape, what: str) -> Shape:
        """Return ``(out, in/groups, height, width)``."""
        image, out = image_shape(source, what), image_shape(target, what)
        kernel = weight[2:] if len(weight) == 4 else (1, 1)
        fitting = self.output_shape(source, out[0], kernel, what)
        if fitting != out:
            raise InputError(
                f"{what}: this convolution maps {source} to {fitting}, but the target has shape "
                f"{target}; change either"
            )
        return out[0], image[0] // self.groups, *kernel

    def pairs(self, weight: Shape, source: Shape, target: Shape) -> Pairs:
        """List all synapses, in no particular order."""
        return self.unrolled(weight, image_shape(source, ""), image_shape(target, ""))


@dataclass(frozen=True)
class TransposedConvolution(SlidingKernel):
    """Spread each source neuron by a kernel, as ``torch.nn.ConvTranspose2d`` does.

    What torch calls output padding follows from the shape of the target.

    Parameters
    ----------
    stride, padding, dilation : int or (int, int)
        As in torch.
    groups : int
        Number of groups of channels, which are convolved separately.
    """

    kind: ClassVar[str] = "conv_transpose2d"
    transposed: ClassVar[bool] = True

    def weight_shape(self, weight: Shape, source: Shape, target: Shape, what: str) -> Shape:
        """Return ``(in, out/groups, height, width)``."""
        image, out = image_shape(source, what), image_shape(target, what)
        self.check_groups(what, input=image[0], output=out[0])
        kernel = weight[2:] if len(weight) == 4 else (1, 1)
        back = self.slide(out, kernel, what)
        if back != image[1:]:
            raise InputError(
                f"{what}: a transposed convolution to {target} needs a source of height and width "
                f"{back}, but the source has shape {source}; change either"
            )
        return image[0], out[0] // self.groups, *kernel

    def output_padding(self, source: Shape, target: Shape, kernel: Pair) -> Pair:
        """Return the output padding with which torch gives the target's shape."""
        image, out = image_shape(source, ""), image_shape(target, "")
        height, width = (
            out[axis + 1]
            - (image[axis + 1] - 1) * self.stride[axis]
            + 2 * self.padding[axis]
            - self.dilation[axis] * (kernel[axis] - 1)
            - 1
            for axis in (0, 1)
        )
        return height, width

    def pairs(self, weight: Shape, source: Shape, target: Shape) -> Pairs:
        """List all synapses: those of the reverse convolution, in no particular order."""
        back = self.unrolled(weight, image_shape(target, ""), image_shape(source, ""))
        return Pairs(back.target, back.source, back.element)
