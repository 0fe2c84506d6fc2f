"""Deliver spikes that may fail to arrive, at each synapse independently.

`brianbridge.simulation.batched.fates` decides which spikes arrive.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from brianbridge.counters import sample_keys
from brianbridge.network import AllToAll, Connection, Projection
from brianbridge.network.connections import SynapseTable
from brianbridge.network.connections.convolution import SlidingKernel
from brianbridge.network.images import image_shape
from brianbridge.simulation.batched.deliveries.convolution import kernels_by_source
from brianbridge.simulation.batched.failure_kernels import (
    add_conv_arriving,
    add_sparse_arriving,
    split_by_window,
)
from brianbridge.simulation.batched.fates import FATES, copies_of
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery, Shape
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.batched.spikes import SpikeList

__all__ = ["UnreliableDelivery", "UnreliableProjection"]


class _Listed:
    """Hold synapses by source neuron."""

    def __init__(self, table: SynapseTable, sources: int) -> None:
        self.first = np.searchsorted(table.source, np.arange(sources + 1))
        self.reached = table.target.astype(np.int32)
        self.weight = table.weight
        # A pair of neurons may be connected twice; the two fail independently.
        self.copy = copies_of(table).astype(np.int32)


class UnreliableDelivery(Delivery):
    """Apply the weights of a projection that has a `Failure`.

    Parameters
    ----------
    projection : Projection
        The projection, with its weights.
    source, target : tuple of int
        Shapes of the populations.
    dtype : type
        Type of the target's variable.
    """

    def __init__(
        self, projection: Projection, source: Shape, target: Shape, dtype: type = np.float64
    ) -> None:
        super().__init__(math.prod(source), math.prod(target))
        assert projection.failure is not None
        self.key = np.uint64(projection.failure.key)
        self.limit = np.uint64(np.ceil(projection.failure.probability * FATES))
        self.empty: np.ndarray = np.empty(0, dtype)
        pool, seen = projection.pool, projection.pooled_shape(source)
        self.windows = None if pool is None else _Listed(pool.synapses(source), self.sources)
        how, weight = projection.connection, projection.weight
        self.convolution = _as_convolution(how, weight, seen, target)
        if self.convolution is None:
            self.listed = _Listed(how.synapses(weight, seen, target), math.prod(seen))

    def add(
        self,
        target: np.ndarray,
        spikes: SpikeList,
        mask: np.ndarray = NO_MASK,
        keys: np.ndarray | None = None,
    ) -> None:
        """Add the weights of the spikes that arrive.

        Parameters
        ----------
        target, spikes, mask
            As for `Delivery.add`.
        keys : numpy.ndarray of uint64, shape (samples,), optional
            Keys from `keys`; those of samples 0, 1, ... in step 0 if not given.
        """
        keys = self.keys(np.arange(len(target)), 0) if keys is None else keys
        origin = spikes.node
        if self.windows is not None:
            way = self.windows
            start, node, value, origin = split_by_window(
                way.first, way.reached, way.weight, spikes, self.empty
            )
            spikes = SpikeList(start, node, value)
        if self.convolution is not None:
            add_conv_arriving(target, *self.convolution, spikes, origin, mask, keys, self.limit)
        else:
            way = self.listed
            add_sparse_arriving(
                target, way.first, way.reached, way.copy, way.weight, spikes, origin, mask, keys,
                self.limit,
            )  # fmt: skip

    def keys(self, numbers: np.ndarray, step: int) -> np.ndarray:
        """Return the keys of samples, given by their numbers in the data set, in a step."""
        return np.asarray(sample_keys(self.key, numbers, step))


#: Arguments of `add_conv_arriving`: kernels, image, out, stride, padding, dilation, groups, and
#: whether the convolution is transposed.
_Convolution = tuple[np.ndarray, Shape, Shape, Shape, Shape, Shape, int, bool]


@singledispatch
def _as_convolution(
    connection: Connection, weight: np.ndarray, source: Shape, target: Shape
) -> _Convolution | None:
    """Return a connection as a convolution, by its kind; None if its synapses are listed."""
    return None


@_as_convolution.register(AllToAll)
def _pixel(connection: AllToAll, weight: np.ndarray, source: Shape, target: Shape) -> _Convolution:
    """Return a matrix as a kernel of one pixel."""
    kernels = np.ascontiguousarray(weight.T)[:, None, None, :]
    ends = (math.prod(source), 1, 1), (math.prod(target), 1, 1)
    return kernels, *ends, (1, 1), (0, 0), (1, 1), 1, False


@_as_convolution.register(SlidingKernel)
def _kernel(
    connection: SlidingKernel, weight: np.ndarray, source: Shape, target: Shape
) -> _Convolution:
    how, ends = connection, (image_shape(source, ""), image_shape(target, ""))
    return (
        kernels_by_source(how, weight), *ends, how.stride, how.padding, how.dilation, how.groups,
        how.transposed,
    )  # fmt: skip


class UnreliableProjection(BatchedProjection):
    """Deliver spikes that may fail to arrive; its delivery is an `UnreliableDelivery`."""

    how: UnreliableDelivery

    def begin(self, numbers: np.ndarray) -> None:
        """Start a presentation of these samples; silent ones may follow them in the batch."""
        super().begin(numbers)
        self._numbers = np.zeros(self.samples, np.int64)
        self._numbers[: len(numbers)] = numbers
        self._step = -1

    def run(self) -> None:
        """Deliver what arrives in this step."""
        self._step += 1
        super().run()

    def deliver(self, spikes: SpikeList) -> None:
        """Add the weights of the spikes that arrive."""
        keys = self.how.keys(self._numbers, self._step)
        self.how.add(self._values, spikes, self._mask, keys)
