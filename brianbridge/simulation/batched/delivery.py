"""Apply the weights of one projection to the spikes of a step.

`delivery` returns an object that does so. Any connection can be delivered by its list of synapses
(`brianbridge.simulation.batched.listed`); some kinds have faster ways
(`brianbridge.simulation.batched.deliveries`). Convolution and pooling are never unrolled.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from brianbridge.network import AllToAll, Connection, Pooling, Projection
from brianbridge.simulation.batched import (
    deliveries,  # noqa: F401  registers the faster ways
    image_kernels,
)
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery, Shape, SortedSynapses, weight_delivery
from brianbridge.simulation.batched.spikes import SpikeList

__all__ = ["Delivery", "delivery", "weighted"]


class _Pooled(Delivery):
    """Sum spikes over windows and pass the sums on as graded spikes."""

    def __init__(self, pool: Pooling, source: Shape, rest: Delivery, dtype: np.dtype) -> None:
        super().__init__(math.prod(source), rest.targets)
        self.pool, self.rest, self.dtype = pool, rest, dtype
        table = pool.synapses(source)
        windows = SortedSynapses.of(table.source, table.target, self.sources)
        self.first, self.windows = windows.first.astype(np.int32), windows.reached

    def prepare(self) -> None:
        self.rest.prepare()

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        sums = np.zeros((len(target), self.rest.sources), self.dtype)
        image_kernels.pooled(*spikes, self.first, self.windows, sums)
        if self.pool.mode == "average":
            sums /= math.prod(self.pool.size)  # as torch does, to the last bit
        self.rest.add_values(target, sums, mask)


def delivery(
    projection: Projection, source: Shape, target: Shape, dtype: type = np.float64
) -> Delivery:
    """Return the object that applies the weights of a projection between populations.

    Parameters
    ----------
    projection : Projection
        The projection, with its weights.
    source, target : tuple of int
        Shapes of the populations.
    dtype : type
        Type of the target's variable.

    Examples
    --------
    >>> dense = delivery(Projection("a", "b", np.array([[1.0, 2.0]])), (2,), (1,))
    >>> total = np.zeros((1, 1))
    >>> one_spike_of_neuron_1 = SpikeList(np.array([0, 1]), np.array([1], np.int32), np.empty(0))
    >>> dense.add(total, one_spike_of_neuron_1); total
    array([[2.]])
    """
    pool = projection.pool
    seen = projection.pooled_shape(source)
    weight, real = projection.weight, np.dtype(dtype)
    if weight.dtype != np.float32:
        weight = weight.astype(real, copy=False)
    found = weight_delivery(projection.connection, weight, seen, target, real)
    return found if pool is None else _Pooled(pool, source, found, real)


def weighted(projection: Projection, current: np.ndarray, target: Shape) -> np.ndarray:
    """Return the weighted sum of a constant current, float64, ``(samples, targets)``.

    Parameters
    ----------
    projection : Projection
        The projection. Its bias is not added.
    current : numpy.ndarray, shape (samples, *source)
        The constant input.
    target : tuple of int
        Shape of the target.
    """
    if projection.pool is None:
        return _weighted(projection.connection, projection, current, target)
    return _by_delivery(projection, current, target)


@singledispatch
def _weighted(
    connection: Connection, projection: Projection, current: np.ndarray, target: Shape
) -> np.ndarray:
    """Return the weighted sum; by default, deliver the current as graded spikes."""
    return _by_delivery(projection, current, target)


@_weighted.register(AllToAll)
def _by_matrix(
    connection: AllToAll, projection: Projection, current: np.ndarray, target: Shape
) -> np.ndarray:
    flat = current.reshape(len(current), -1)
    product: np.ndarray = flat @ projection.weight.astype(np.float64, copy=False).T
    return product


def _by_delivery(projection: Projection, current: np.ndarray, target: Shape) -> np.ndarray:
    flat = current.reshape(len(current), -1)
    total = np.zeros((len(flat), math.prod(target)))
    delivery(projection, current.shape[1:], target).add_values(total, flat)
    return total
