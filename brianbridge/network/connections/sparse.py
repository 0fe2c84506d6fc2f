"""Connect pairs of neurons that are listed one by one, each with its own weight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections.base import Connection, Shape
from brianbridge.network.connections.pairs import Pairs

__all__ = ["Sparse"]


def _smallest(least: int, most: int) -> type:
    """Return int32, as Brian2 has it, if numbers fit: millions of synapses take half as much."""
    return np.int32 if -(2**31) <= least <= most < 2**31 else np.int64


@dataclass(frozen=True, eq=False)
class Sparse(Connection):
    """Connect the listed pairs of neurons, each with its own weight unless `element` is given.

    Parameters
    ----------
    source, target : numpy.ndarray of int, shape (synapses,)
        Flat indices of the connected neurons, in any order. A pair may occur several times.
    delays : numpy.ndarray, shape (synapses,), optional
        A delay for each synapse in seconds, on top of the projection's delay.
    element : numpy.ndarray of int, shape (synapses,), optional
        The element of the weight that each synapse has, where synapses share one.

    Examples
    --------
    >>> Sparse([1, 0], [0, 2]).synapses(np.array([0.5, 1.5]), (2,), (3,)).source
    array([0, 1], dtype=int32)
    """

    kind: ClassVar[str] = "sparse"
    # By identity: the base class would find any two lists equal, as it has no fields.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    source: np.ndarray
    target: np.ndarray
    delays: np.ndarray | None = field(default=None)
    element: np.ndarray | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("source", "target", *(() if self.element is None else ("element",))):
            values = np.asarray(getattr(self, name))
            if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
                raise InputError(
                    f"sparse connection: {name} is not a flat list of neuron numbers; give one "
                    "whole number for each synapse"
                )
            object.__setattr__(
                self, name, values.astype(_smallest(values.min(initial=0), values.max(initial=0)))
            )
        if self.source.shape != self.target.shape:
            raise InputError(
                f"sparse connection: {self.source.size} sources for {self.target.size} targets; "
                "give one of each for each synapse"
            )
        if self.element is not None and self.element.shape != self.source.shape:
            raise InputError(
                f"sparse connection: {self.element.size} elements for {self.source.size} synapses; "
                "give one for each synapse"
            )
        if self.delays is not None:
            delays = np.asarray(self.delays)
            fit = delays.shape == self.source.shape and delays.dtype.kind in "iuf"
            if not fit or not (np.isfinite(delays) & (delays >= 0)).all():
                raise InputError("sparse connection: give each synapse one delay of at least 0 s")
            object.__setattr__(self, "delays", delays.astype(np.float64))

    def weight_shape(self, weight: Shape, source: Shape, target: Shape, what: str) -> Shape:
        """Return ``(synapses,)``, or ``(elements,)`` if synapses share them."""
        if self.element is None:
            return self.source.shape
        return (int(self.element.max(initial=0)) + 1,)

    def pairs(self, weight: Shape, source: Shape, target: Shape) -> Pairs:
        """List all synapses, in the order in which they were given."""
        number, own = len(self.source), self.element
        if own is None:
            own = np.arange(number, dtype=_smallest(0, number))
        return Pairs(self.source, self.target, own)

    def number_of_synapses(self, weight: Shape, source: Shape, target: Shape) -> int:
        """Return the number of synapses."""
        return len(self.source)
