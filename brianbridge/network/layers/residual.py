"""A layer that adds the spikes of an earlier population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections import OneToOne
from brianbridge.network.connections.convolution import Convolution
from brianbridge.network.images import image_shape
from brianbridge.network.layers.stack import Stack
from brianbridge.network.pooling import Pooling
from brianbridge.network.projection import Projection

__all__ = ["Residual"]


@dataclass(frozen=True)
class Residual:
    """Add the spikes of an earlier population to the input of the population before this layer.

    Each neuron receives the spikes of the neuron at the same position with weight 1, or those of
    all channels at that position through a trainable 1x1 convolution. If height and width shrink,
    both take every second position (or third, ...).

    Parameters
    ----------
    source : str
        Name of the earlier population.
    learned : bool, optional
        Whether to use a convolution. The default is to use one only if the shapes differ.
    """

    prefix: ClassVar[str] = ""

    source: str
    learned: bool | None = None

    def build(self, stack: Stack, name: str) -> None:
        """Add the projection."""
        what = f"residual from '{self.source}'"
        target = stack.last(what)
        source = stack.named(self.source, what)
        ends = source.name, target.name
        # A single layer already has a projection between the same populations.
        beside = any((p.source, p.target) == ends for p in stack.projections)
        label = "residual" if beside else ""
        same = source.shape == target.shape
        one = np.ones(1, np.float32)
        if same and not self.learned:
            projection = Projection(*ends, one, None, OneToOne(), frozen=True, label=label)
            stack.projections.append(projection)
            return
        (inputs, *size), (outputs, *smaller) = (
            image_shape(p.shape, what) for p in (source, target)
        )
        stride = tuple(-(-a // b) for a, b in zip(size, smaller, strict=True))
        if self.learned is False:
            pool = Pooling("sum", 1, stride)
            if pool.output_shape(source.shape, what) != target.shape:
                raise InputError(
                    f"{what}: shape {source.shape} with stride {stride} does not give the shape "
                    f"{target.shape} of '{target.name}'; leave out learned = False, so that a "
                    "convolution makes it fit"
                )
            projection = Projection(*ends, one, None, OneToOne(), pool, frozen=True, label=label)
        else:
            weight = stack.draw((outputs, inputs, 1, 1), inputs)
            projection = Projection(*ends, weight, None, Convolution(stride), label=label)
        stack.projections.append(projection)
