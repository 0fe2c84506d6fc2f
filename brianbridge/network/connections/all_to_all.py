"""Connect every neuron with every other, by a matrix of weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.network.connections.base import Connection, Shape
from brianbridge.network.connections.pairs import Pairs, SynapseTable

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
        return Pairs(*_ends(weight), np.arange(math.prod(weight)).reshape(weight).T.ravel())

    def synapses(self, weight: np.ndarray, source: Shape, target: Shape) -> SynapseTable:
        """Return all synapses with their weights, faster than by `pairs`."""
        return SynapseTable(*_ends(weight.shape), weight.T.astype(np.float64).ravel())

    def number_of_synapses(self, weight: Shape, source: Shape, target: Shape) -> int:
        """Return the number of synapses, which is that of the weights."""
        return math.prod(weight)

    def check_pairs(self, weight: Shape, source: Shape, target: Shape, what: str) -> None:
        """Check nothing: a weight of the right shape has the right pairs."""


def _ends(weight: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return the sources and the targets of all synapses."""
    outputs, inputs = weight
    return np.repeat(np.arange(inputs), outputs), np.tile(np.arange(outputs), inputs)
