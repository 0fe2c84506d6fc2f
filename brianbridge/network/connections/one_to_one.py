"""Connect each neuron with the neuron of the same index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections.base import Connection, Shape
from brianbridge.network.connections.pairs import Pairs

__all__ = ["OneToOne"]


@dataclass(frozen=True)
class OneToOne(Connection):
    """Connect each neuron with that of the same index, by one weight for all or one for each."""

    kind: ClassVar[str] = "one_to_one"

    def weight_shape(self, weight: Shape, source: Shape, target: Shape, what: str) -> Shape:
        """Return ``(1,)`` or ``(n,)``."""
        size = math.prod(target)
        if math.prod(source) != size:
            raise InputError(
                f"{what}: one to one from {source} to {target}; the populations need the same size"
            )
        return (1,) if weight == (1,) else (size,)

    def pairs(self, weight: Shape, source: Shape, target: Shape) -> Pairs:
        """List all synapses."""
        every = np.arange(math.prod(target))
        return Pairs(every, every, every % weight[0])

    def check_pairs(self, weight: Shape, source: Shape, target: Shape, what: str) -> None:
        """Check nothing: a weight of the right shape has the right pairs."""
