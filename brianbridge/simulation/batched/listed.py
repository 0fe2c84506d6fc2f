"""Deliver the spikes of any connection by its list of synapses.

`weight_delivery` chooses the delivery by the kind of connection. Faster ones are registered in
`brianbridge.simulation.batched.deliveries`, one module for each kind, or for a kind of your own::

    @weight_delivery.register(MyConnection)
    def _mine(connection, weight, source, target, dtype):
        return MyDelivery(...)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import singledispatch

import numpy as np

from brianbridge.network import Connection, Pairs
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.spikes import SpikeList

__all__ = ["Delivery", "ListedDelivery", "Shape", "weight_delivery"]

Shape = tuple[int, ...]


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
    return ListedDelivery(pairs, weight, math.prod(source), math.prod(target))


class ListedDelivery(Delivery):
    """Add the weights of listed synapses.

    Parameters
    ----------
    pairs : Pairs
        The synapses.
    weight : numpy.ndarray
        Weights, which the synapses may share.
    sources, targets : int
        Numbers of neurons.
    """

    def __init__(self, pairs: Pairs, weight: np.ndarray, sources: int, targets: int) -> None:
        super().__init__(sources, targets)
        order = pairs.order
        self.first = np.searchsorted(pairs.source[order], np.arange(sources + 1))
        self.reached = pairs.target[order].astype(np.int32)
        self.weight = np.ascontiguousarray(weight.ravel()[pairs.element[order]])

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        """Add the weights of a step's spikes; see `Delivery.add`."""
        kernels.add_sparse(target, self.first, self.reached, self.weight, *spikes, mask)
