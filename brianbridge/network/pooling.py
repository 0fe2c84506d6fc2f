"""Pooling within a projection: spikes are summed over windows before the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.connections.convolution import Convolution
from brianbridge.network.connections.pairs import SynapseTable
from brianbridge.network.images import Image, image_shape, pair, slide

__all__ = ["Pooling", "PoolingMode"]

PoolingMode = Literal["average", "sum"]


@dataclass(frozen=True)
class Pooling:
    """Sum or average spikes over windows, within a projection and before its weights.

    This pooling is linear: it is part of the synapses, has no neurons and loses no spikes. (Pooling
    neurons with a threshold form a separate population.)

    Parameters
    ----------
    mode : {"average", "sum"}
        Whether to divide the sum by the size of the window, padding included.
    size : int or (int, int)
        Size of the window.
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
                f"pooling: padding {self.padding} is more than half the window {self.size}; give "
                "less padding or a larger window"
            )

    @property
    def scale(self) -> float:
        """The factor that multiplies the sum over a window."""
        return 1.0 if self.mode == "sum" else 1.0 / (self.size[0] * self.size[1])

    def output_shape(self, source: tuple[int, ...], what: str = "pooling") -> Image:
        """Return the shape after pooling."""
        image = image_shape(source, what)
        size = slide(image, self.size, self.stride, self.padding, (1, 1), what)
        return (image[0], *size)

    def synapses(self, source: tuple[int, ...]) -> SynapseTable:
        """Return synapses with the contribution of each source neuron to each window."""
        image, out = image_shape(source, ""), self.output_shape(source)
        convolution = Convolution(self.stride, self.padding, groups=image[0])
        kernels = np.full((image[0], 1, *self.size), self.scale)
        return convolution.synapses(kernels, image, out)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        sizes = {name: list(getattr(self, name)) for name in ("size", "stride", "padding")}
        return {"mode": self.mode, **sizes}
