"""Connections of images: convolution, its transpose, and the pooling before them.

Shapes and parameters mean what they mean in torch: a population is ``(channels, height, width)``,
a kernel ``(out, in/groups, height, width)``, of a transposed convolution ``(in, out/groups,
height, width)``. A population of shape ``(height, width)`` counts as one channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.connections import Connection, SynapseTable

__all__ = ["Convolution", "Pooling", "TransposedConvolution", "image_shape", "pair"]

Pair = tuple[int, int]
Image = tuple[int, int, int]


def pair(value: Any, what: str, at_least: int = 1) -> Pair:
    """Return ``(height, width)`` of one number or two."""
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
    """Return a shape as ``(channels, height, width)``."""
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) != 3:
        raise InputError(
            f"{what}: shape {shape} is no image; give (channels, height, width) or (height, width)"
        )
    return shape


def _windows(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return how many places a kernel has along one axis; 0 or less if it does not fit."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _slide(
    image: Image,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    what: str,
) -> Pair:
    """Return height and width of what a sliding kernel makes of an image."""
    if min(kernel) < 1:
        raise InputError(f"{what}: a kernel of size {tuple(kernel)} is empty")
    axes = zip(image[1:], kernel, stride, padding, dilation, strict=True)
    height, width = (_windows(*axis) for axis in axes)
    if height < 1 or width < 1:
        reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        padded = tuple(s + 2 * p for s, p in zip(image[1:], padding, strict=True))
        raise InputError(
            f"{what}: a kernel that spans {reach} is larger than its padded input {padded}; make "
            "it smaller or pad more"
        )
    return height, width


def _touched(
    image: Pair, out: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return flat indices of kernel places, kernel elements, and the pixels that they touch."""
    places = np.stack(np.meshgrid(*map(np.arange, out), indexing="ij")).reshape(2, -1, 1)
    elements = np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij")).reshape(2, 1, -1)
    across = (2, 1, 1)
    pixels = (
        places * np.reshape(stride, across)
        - np.reshape(padding, across)
        + elements * np.reshape(dilation, across)
    )
    inside = ((pixels >= 0) & (pixels < np.reshape(image, across))).all(0)
    place, element = np.nonzero(inside)
    return place, element, (pixels[0] * image[1] + pixels[1])[inside]


@dataclass(frozen=True)
class _Sliding(Connection):
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

    def bias_shape(self, target: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(channels,)``."""
        return (image_shape(target, "target of a convolution")[0],)

    def bias_of_neurons(self, bias: np.ndarray, target: tuple[int, ...]) -> np.ndarray:
        """Return the bias of every neuron: the one of its channel."""
        return np.repeat(bias.astype(np.float64), int(np.prod(target)) // len(bias))

    def _grouped(self, what: str, **channels: int) -> None:
        for end, number in channels.items():
            if number % self.groups:
                raise InputError(
                    f"{what}: {number} {end} channels cannot be split into {self.groups} groups"
                )


@dataclass(frozen=True)
class Convolution(_Sliding):
    """Slide kernels over the source, as ``torch.nn.Conv2d``.

    Parameters
    ----------
    stride, padding, dilation : int or (int, int)
        As in torch.
    groups : int
        Channels are split into so many groups that do not see each other.

    Examples
    --------
    >>> table = Convolution(padding=1).synapses(np.ones((1, 1, 3, 3)), (1, 2, 2), (1, 2, 2))
    >>> len(table.weight)
    16
    """

    kind: ClassVar[str] = "conv2d"

    def output_shape(
        self, source: tuple[int, ...], channels: int, kernel: Pair, what: str = "convolution"
    ) -> Image:
        """Return the shape of the target: ``(channels, height, width)``."""
        image = image_shape(source, what)
        self._grouped(what, input=image[0], output=channels)
        size = _slide(image, kernel, self.stride, self.padding, self.dilation, what)
        return (channels, *size)

    def weight_shape(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...], what: str
    ) -> tuple[int, ...]:
        """Return ``(out, in/groups, height, width)``."""
        image, out = image_shape(source, what), image_shape(target, what)
        kernel = weight.shape[2:] if weight.ndim == 4 else (1, 1)
        fitting = self.output_shape(source, out[0], kernel, what)
        if fitting != out:
            raise InputError(
                f"{what}: this convolution makes {fitting} of {source}, but the target has shape "
                f"{target}"
            )
        return out[0], image[0] // self.groups, *kernel

    def synapses(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]
    ) -> SynapseTable:
        """Return every single synapse."""
        image, out = image_shape(source, ""), image_shape(target, "")
        return _unrolled(weight, image, out, self)


@dataclass(frozen=True)
class TransposedConvolution(_Sliding):
    """Spread each source neuron by a kernel, as ``torch.nn.ConvTranspose2d``.

    What torch calls output padding follows from the shape of the target.

    Parameters
    ----------
    stride, padding, dilation : int or (int, int)
        As in torch.
    groups : int
        Channels are split into so many groups that do not see each other.
    """

    kind: ClassVar[str] = "conv_transpose2d"

    def weight_shape(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...], what: str
    ) -> tuple[int, ...]:
        """Return ``(in, out/groups, height, width)``."""
        image, out = image_shape(source, what), image_shape(target, what)
        self._grouped(what, input=image[0], output=out[0])
        kernel = weight.shape[2:] if weight.ndim == 4 else (1, 1)
        back = _slide(out, kernel, self.stride, self.padding, self.dilation, what)
        if back != image[1:]:
            raise InputError(
                f"{what}: a transposed convolution to {target} comes from {back} in height and "
                f"width, but the source has shape {source}"
            )
        return image[0], out[0] // self.groups, *kernel

    def output_padding(
        self, source: tuple[int, ...], target: tuple[int, ...], kernel: Pair
    ) -> Pair:
        """Return what torch's ``conv_transpose2d`` needs to know to reach the target's shape."""
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

    def synapses(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]
    ) -> SynapseTable:
        """Return every single synapse: those of the convolution the other way round."""
        image, out = image_shape(source, ""), image_shape(target, "")
        back = _unrolled(weight, out, image, self)
        order = np.lexsort((back.source, back.target))
        return SynapseTable(back.target[order], back.source[order], back.weight[order])


def _unrolled(weight: np.ndarray, image: Image, out: Image, how: _Sliding) -> SynapseTable:
    """Return the synapses of a convolution from `image` to `out`."""
    place, element, pixel = _touched(
        image[1:], out[1:], weight.shape[2:], how.stride, how.padding, how.dilation
    )
    outputs, inputs = weight.shape[:2]
    channel_out, channel_in = (a.ravel()[:, None] for a in np.indices((outputs, inputs)))
    group = channel_out // (outputs // how.groups)
    source = (group * inputs + channel_in) * (image[1] * image[2]) + pixel
    target = channel_out * (out[1] * out[2]) + place
    values = weight.reshape(outputs * inputs, -1)[:, element].astype(np.float64)
    order = np.lexsort((target.ravel(), source.ravel()))
    return SynapseTable(*(np.ravel(a)[order] for a in (source, target, values)))


PoolingMode = Literal["average", "sum"]


@dataclass(frozen=True)
class Pooling:
    """Sum or average spikes over windows, within a projection and before its weights.

    Pooling of this kind is linear: it stands for synapses, has no neurons and loses no spike.
    (Pooling neurons with a threshold are a population of their own.)

    Parameters
    ----------
    mode : {"average", "sum"}
        Whether the sum is divided by the size of the window, which counts padding too.
    size : int or (int, int)
        The window.
    stride : int or (int, int), optional
        Distance between windows; their size if not given.
    padding : int or (int, int)
        Silent neurons around the source.

    Examples
    --------
    >>> Pooling("average", 2).output_shape((3, 8, 8))
    (3, 4, 4)
    """

    mode: PoolingMode
    size: Any
    stride: Any = None
    padding: Any = 0

    def __post_init__(self) -> None:
        if self.mode not in get_args(PoolingMode):
            hint = did_you_mean(str(self.mode), get_args(PoolingMode))
            raise InputError(f"there is no pooling '{self.mode}'. {hint}")
        stride = self.size if self.stride is None else self.stride
        object.__setattr__(self, "size", pair(self.size, "pooling: size"))
        object.__setattr__(self, "stride", pair(stride, "pooling: stride"))
        object.__setattr__(self, "padding", pair(self.padding, "pooling: padding", 0))
        if any(2 * p > s for p, s in zip(self.padding, self.size, strict=True)):
            raise InputError(
                f"pooling: padding {self.padding} is more than half the window {self.size}"
            )

    @property
    def scale(self) -> float:
        """What the sum over a window is multiplied by."""
        return 1.0 if self.mode == "sum" else 1.0 / (self.size[0] * self.size[1])

    def output_shape(self, source: tuple[int, ...], what: str = "pooling") -> Image:
        """Return the shape after pooling."""
        image = image_shape(source, what)
        size = _slide(image, self.size, self.stride, self.padding, (1, 1), what)
        return (image[0], *size)

    def synapses(self, source: tuple[int, ...]) -> SynapseTable:
        """Return what each source neuron adds to each window, as synapses."""
        image, out = image_shape(source, ""), self.output_shape(source)
        how = Convolution(self.stride, self.padding, groups=image[0])
        kernels = np.full((image[0], 1, *self.size), self.scale)
        return _unrolled(kernels, image, out, how)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        sizes = {name: list(getattr(self, name)) for name in ("size", "stride", "padding")}
        return {"mode": self.mode, **sizes}
