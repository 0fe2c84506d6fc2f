"""Layers that project back: onto the same population, or onto an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brianbridge.network.connections import AllToAll, Connection
from brianbridge.network.connections.convolution import TransposedConvolution
from brianbridge.network.images import image_shape, pair
from brianbridge.network.layers.stack import Stack
from brianbridge.network.layers.types import Padding, Size, Time
from brianbridge.network.projection import Projection

__all__ = ["Feedback", "Recurrent"]


@dataclass(frozen=True)
class Recurrent:
    """Connect the population before this layer to itself, all to all, one step later.

    Parameters
    ----------
    delay : Quantity, str or float
        Delay in addition to the one step.
    """

    prefix: ClassVar[str] = ""

    delay: Time = 0.0

    def build(self, stack: Stack, name: str) -> None:
        """Add the projection."""
        population = stack.last("a recurrent projection")
        Feedback(population.name, delay=self.delay).build(stack, name)


@dataclass(frozen=True)
class Feedback:
    """Project from the population before this layer to an earlier one, one step later.

    Parameters
    ----------
    target : str
        Name of the earlier population.
    kernel : int or (int, int), optional
        Kernel of a transposed convolution; all to all if not given.
    stride : int or (int, int)
        Stride as in ``torch.nn.ConvTranspose2d``.
    padding : int or (int, int)
        Padding as in ``torch.nn.ConvTranspose2d``.
    dilation : int or (int, int)
        Dilation as in ``torch.nn.ConvTranspose2d``.
    delay : Quantity, str or float
        Delay in addition to the one step.
    """

    prefix: ClassVar[str] = ""

    target: str
    kernel: Size | None = None
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    delay: Time = 0.0

    def build(self, stack: Stack, name: str) -> None:
        """Add the projection."""
        what = f"feedback to '{self.target}'"
        source = stack.last(what)
        target = stack.named(self.target, what)
        connection: Connection = AllToAll()
        shape: tuple[int, ...] = (target.size, source.size)
        fan_in = source.size
        if self.kernel is not None:
            kernel = pair(self.kernel, f"{what}: kernel")
            connection = TransposedConvolution(self.stride, self.padding, self.dilation)
            channels = (image_shape(p.shape, what)[0] for p in (source, target))
            shape = (*channels, *kernel)
            fan_in = shape[0] * kernel[0] * kernel[1]
        weight = stack.draw(shape, fan_in)
        projection = Projection(
            source.name, target.name, weight, None, connection, delay=self.delay, feedback=True
        )
        stack.projections.append(projection)
