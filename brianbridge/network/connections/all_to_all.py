"""Every neuron is connected with every other: a matrix of weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.network.connections.base import Connection, Shape
from brianbridge.network.connections.pairs import Pairs

__all__ = ["AllToAll"]


@dataclass(frozen=True)
class AllToAll(Connection):
    """Connect every neuron with every other; the weight has the shape ``(out, in)``."""

    kind: ClassVar[str] = "all_to_all"
    by_target: ClassVar[bool] = True

    def weight_shape(self, weight: Shape, source: Shape, target: Shape, what: str) -> Shape:
        """Return ``(out, in)``."""
        return math.prod(target), math.prod(source)

    def pairs(self, weight: Shape, source: Shape, target: Shape) -> Pairs:
        """List all synapses, by source and then by target."""
        outputs, inputs = weight
        return Pairs(
            np.repeat(np.arange(inputs), outputs),
            np.tile(np.arange(outputs), inputs),
            np.arange(outputs * inputs).reshape(weight).T.ravel(),
        )

    def number_of_synapses(self, weight: Shape, source: Shape, target: Shape) -> int:
        """Return how many synapses there are: as many as weights."""
        return math.prod(weight)

    def check_pairs(self, weight: Shape, source: Shape, target: Shape, what: str) -> None:
        """Check nothing: a weight of the right shape has the right pairs."""
