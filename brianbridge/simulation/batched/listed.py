"""Deliver the spikes of any connection by its list of synapses.

`weight_delivery` chooses the delivery by the kind of connection. Faster ones are registered in
`brianbridge.simulation.batched.deliveries`, one module for each kind, or for a kind of your own::

    @weight_delivery.register(MyConnection)
    def _mine(connection, weight, source, target, dtype):
        return MyDelivery(...)
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.network import Connection
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.spikes import SpikeList, from_dense

__all__ = ["Delivery", "ListedDelivery", "Shape", "SortedSynapses", "weight_delivery"]

Shape = tuple[int, ...]
_compiled = compiled(nogil=True, error_model="numpy")


class Delivery(ABC):
    """Hold the weights of a projection in the layout of its compiled loop.

    Parameters
    ----------
    sources, targets : int
        Numbers of neurons at either end.
    """

    def __init__(self, sources: int, targets: int) -> None:
        self.sources, self.targets = sources, targets

    def prepare(self) -> None:  # noqa: B027
        """Measure costs, if need be, before several threads use the delivery."""

    @abstractmethod
    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        """Add the weights of a step's spikes.

        Parameters
        ----------
        target : numpy.ndarray, shape (samples, targets)
            Sums, to which weights are added in place.
        spikes : SpikeList
            The spikes of the step.
        mask : numpy.ndarray of bool, shape (samples*targets,) or (0,)
            Neurons that receive; all if empty.
        """

    def add_values(
        self, target: np.ndarray, values: np.ndarray, mask: np.ndarray = NO_MASK
    ) -> None:
        """Add the weighted values of all sources, most of them 0.

        Parameters
        ----------
        target, mask
            As in `add`.
        values : numpy.ndarray, shape (samples, sources)
            The values.
        """
        spikes = from_dense(values, np.empty(0, target.dtype), True)
        self.add(target, SpikeList(*spikes), mask)


@singledispatch
def weight_delivery(
    connection: Connection, weight: np.ndarray, source: Shape, target: Shape, dtype: np.dtype
) -> Delivery:
    """Return the delivery of a connection, by its kind.

    Parameters
    ----------
    connection : Connection
        Which neurons are connected.
    weight : numpy.ndarray
        Weights, of type float32 or `dtype`.
    source, target : tuple of int
        Shapes of the populations.
    dtype : numpy.dtype
        Type of the target's variable.
    """
    pairs = connection.pairs(weight.shape, source, target)
    synapses = SortedSynapses.of(pairs.source, pairs.target, math.prod(source))
    element = pairs.element if synapses.order is None else pairs.element[synapses.order]
    return ListedDelivery(synapses, weight.ravel()[element], math.prod(target))


@dataclass(frozen=True)
class SortedSynapses:
    """List synapses by their source; those of one source stay in the order of the list.

    What a neuron receives is added up by source and then in this order, whatever the order of the
    targets.

    Parameters
    ----------
    first : numpy.ndarray of int64, shape (sources + 1,)
        Where the synapses of each source begin.
    reached : numpy.ndarray of int32, shape (synapses,)
        The target of each synapse.
    order : numpy.ndarray of int, shape (synapses,), optional
        The place of each synapse in the list; None if the list was sorted already.

    Examples
    --------
    >>> synapses = SortedSynapses.of(np.array([1, 0, 1]), np.array([7, 8, 5]), 2)
    >>> synapses.first.tolist(), synapses.reached.tolist(), synapses.order.tolist()
    ([0, 1, 3], [8, 7, 5], [1, 0, 2])
    """

    first: np.ndarray
    reached: np.ndarray
    order: np.ndarray | None

    @classmethod
    def of(cls, source: np.ndarray, target: np.ndarray, sources: int) -> SortedSynapses:
        """Sort listed synapses; nothing is copied if they are sorted already."""
        first = np.zeros(sources + 1, np.int64)
        np.cumsum(np.bincount(source, minlength=sources), out=first[1:])
        reached = target.astype(np.int32, copy=False)
        if (source[1:] >= source[:-1]).all():
            return cls(first, reached, None)
        order = np.empty(len(source), np.int32 if len(source) < 2**31 else np.int64)
        _place(source, first[:-1].copy(), order)
        return cls(first, reached[order], order)


class ListedDelivery(Delivery):
    """Add the weights of listed synapses.

    Parameters
    ----------
    synapses : SortedSynapses
        The synapses.
    weight : numpy.ndarray, shape (synapses,)
        The weight of each, in the same order.
    targets : int
        Number of target neurons.
    """

    def __init__(self, synapses: SortedSynapses, weight: np.ndarray, targets: int) -> None:
        super().__init__(len(synapses.first) - 1, targets)
        self.first, self.reached = synapses.first, synapses.reached
        self.weight = np.ascontiguousarray(weight)
        self._room = threading.local()

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        """Add the weights of a step's spikes; see `Delivery.add`."""
        mine = vars(self._room)
        if mine.get("total", NO_MASK).dtype != target.dtype:
            mine |= {"total": np.zeros(self.targets, target.dtype)}
            mine |= {"reached_by": np.zeros(self.targets, np.uint8)}
        kernels.add_sparse(target, self.first, self.reached, self.weight, *spikes, mask, **mine)


@_compiled
def _place(source: np.ndarray, free: np.ndarray, order: np.ndarray) -> None:
    """Write each synapse into the next free place of its source."""
    for k in range(len(source)):
        order[free[source[k]]] = k
        free[source[k]] += 1
