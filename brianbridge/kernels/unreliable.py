"""Synapses at which spikes may fail to arrive, in the twin and in the batched simulation.

`brianbridge.kernels.fates` decides which spikes arrive.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from brianbridge.counters import draw, sample_keys
from brianbridge.kernels.fates import FATES, copies_of
from brianbridge.kernels.rasters import SpikeRows
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.unreliable_loops import (
    add_kernels,
    add_listed,
    split,
)
from brianbridge.network import AllToAll, Connection, Failure, Projection
from brianbridge.network.connections import Pairs, SynapseTable
from brianbridge.network.connections.convolution import SlidingKernel
from brianbridge.network.images import image_shape

__all__ = ["UnreliableSynapses"]

Shape = tuple[int, ...]

#: How a kernel slides: image, out, stride, padding, dilation, groups, and whether it is transposed.
_Sliding = tuple[Shape, Shape, Shape, Shape, Shape, int, bool]

#: Rows that are worth a thread.
_PART = 32


class UnreliableSynapses:
    """Hold the synapses of a projection that has a `Failure`.

    Parameters
    ----------
    projection : Projection
        The projection. Its weights are given to each method, since training changes them.
    source, target : tuple of int
        Shapes of the populations.
    chosen : numpy.ndarray of int, optional
        Numbers of the synapses in the connection's list, if it is for some of them alone.

    Examples
    --------
    >>> projection = Projection("a", "b", np.ones((1, 2)), failure=Failure(0.5, key=3))
    >>> synapses = UnreliableSynapses(projection, (2,), (1,))
    >>> spikes = SpikeRows(np.array([0, 2]), np.array([0, 1], np.int32), np.empty(0))
    >>> synapses.sums(projection.weight, spikes, synapses.keys(np.arange(1), 0)).shape
    (1, 1)
    """

    def __init__(
        self,
        projection: Projection,
        source: Shape,
        target: Shape,
        chosen: np.ndarray | None = None,
    ) -> None:
        assert projection.failure is not None
        self.failure: Failure = projection.failure
        self.sources, self.targets = math.prod(source), math.prod(target)
        self._limit = np.uint64(np.ceil(self.failure.probability * FATES))
        pool, seen = projection.pool, projection.pooled_shape(source)
        self._windows: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        if pool is not None:
            table = pool.synapses(source)
            first, windows = _by_source(table.source, table.target, self.sources)
            self._windows = first, windows, table.weight
        self._shape, connection = projection.weight.shape, projection.connection
        self._sliding = None if chosen is not None else _sliding(connection, seen, target)
        if self._sliding is not None:
            elements = np.arange(math.prod(self._shape)).reshape(self._shape)
            self._element = _kernels(connection, elements)
        else:
            self._list(connection.pairs(self._shape, seen, target), math.prod(seen), chosen)

    def _list(self, pairs: Pairs, sources: int, chosen: np.ndarray | None) -> None:
        order = pairs.order
        source, target, self._element = (np.asarray(column)[order] for column in pairs)
        # A pair of neurons may be connected twice; the two fail independently.
        copy = copies_of(SynapseTable(source, target, self._element)).astype(np.int32)
        if chosen is not None:
            kept = np.isin(order, chosen)
            source, target, copy = source[kept], target[kept], copy[kept]
            self._element = self._element[kept]
        self._listed = *_by_source(source, target, sources), copy

    def keys(self, numbers: np.ndarray, step: int, seed: int = 0) -> np.ndarray:
        """Return the keys of samples in a step.

        Parameters
        ----------
        numbers : numpy.ndarray of int, shape (samples,)
            Numbers of the samples in the data set.
        step : int
            The step in which the spikes arrive.
        seed : int
            Draws of a presentation of their own, in training; 0 for those of simulations.
        """
        key = np.uint64(self.failure.key)
        if seed:
            key = np.uint64(draw(key, seed))
        return np.asarray(sample_keys(key, numbers, step))

    def sums(
        self, weight: np.ndarray, spikes: SpikeRows, keys: np.ndarray, *, threads: bool = False
    ) -> np.ndarray:
        """Return the input that arrives, ``(rows, targets)``, in the type of the weight.

        Parameters
        ----------
        weight : numpy.ndarray
            The weight of the projection.
        spikes : SpikeRows
            The spikes of each row: of a sample in a step.
        keys : numpy.ndarray of uint64, shape (rows,)
            Key of each row, from `keys`.
        threads : bool
            Whether torch's threads share the rows.
        """
        spikes, origin = self._seen(spikes, weight.dtype)
        placed = np.ascontiguousarray(weight).reshape(-1)[self._element]
        sums = np.zeros((len(keys), *self._by_pixel), weight.dtype)

        def add(low: int, high: int) -> None:
            self._visit(sums, placed, spikes, origin, keys, low, high, False)

        in_threads(add, len(keys), _PART if threads else len(keys))
        if self._sliding is None:
            return sums
        return np.ascontiguousarray(np.moveaxis(sums, 3, 1)).reshape(len(keys), self.targets)

    def weight_gradient(
        self, gradient: np.ndarray, spikes: SpikeRows, keys: np.ndarray
    ) -> np.ndarray:
        """Return the gradient of the weight.

        Parameters
        ----------
        gradient : numpy.ndarray, shape (rows, targets)
            That of `sums`.
        spikes, keys
            As in `sums`.
        """
        spikes, origin = self._seen(spikes, gradient.dtype)
        each = np.zeros(self._element.shape, gradient.dtype)
        if self._sliding is not None:
            channels, *pixels = self._sliding[1]
            images = gradient.reshape(len(keys), channels, *pixels)
            gradient = np.ascontiguousarray(np.moveaxis(images, 1, 3))
        self._visit(gradient, each, spikes, origin, keys, 0, len(keys), True)
        found = np.zeros(math.prod(self._shape), gradient.dtype)
        np.add.at(found, self._element.ravel(), each.ravel())
        return found.reshape(self._shape)

    def _visit(
        self, sums: np.ndarray, placed: np.ndarray, spikes: SpikeRows, origin: np.ndarray,
        keys: np.ndarray, low: int, high: int, backward: bool,
    ) -> None:  # fmt: skip
        """Add to the sums of some rows, or backward to the weight, where spikes arrive."""
        rest = spikes, origin, keys, self._limit, low, high, backward
        if self._sliding is not None:
            add_kernels(sums, placed, *self._sliding, *rest)
        else:
            add_listed(sums, *self._listed, placed, *rest)

    @property
    def _by_pixel(self) -> Shape:
        """Shape of the targets in the loops: images have their channels last."""
        if self._sliding is None:
            return (self.targets,)
        channels, *pixels = self._sliding[1]
        return *pixels, channels

    def _seen(self, spikes: SpikeRows, dtype: np.dtype) -> tuple[SpikeRows, np.ndarray]:
        """Return the spikes that the connection sees, and the neurons from which they come."""
        if self._windows is None:
            return spikes, spikes.node
        *seen, origin = split(*self._windows, spikes, np.empty(0, dtype))
        return SpikeRows(*seen), origin


def _by_source(source: np.ndarray, target: np.ndarray, sources: int) -> tuple[np.ndarray, ...]:
    """Return where the synapses of each source begin, and the target of each."""
    return np.searchsorted(source, np.arange(sources + 1)), target.astype(np.int32)


@singledispatch
def _sliding(connection: Connection, source: Shape, target: Shape) -> _Sliding | None:
    """Return how a kernel slides, by the kind of connection; None if synapses are listed."""
    return None


@_sliding.register(AllToAll)
def _pixel(connection: AllToAll, source: Shape, target: Shape) -> _Sliding:
    """Take a matrix as a kernel of one pixel."""
    ends = (math.prod(source), 1, 1), (math.prod(target), 1, 1)
    return *ends, (1, 1), (0, 0), (1, 1), 1, False


@_sliding.register(SlidingKernel)
def _kernel(connection: SlidingKernel, source: Shape, target: Shape) -> _Sliding:
    how, ends = connection, (image_shape(source, ""), image_shape(target, ""))
    return *ends, how.stride, how.padding, how.dilation, how.groups, how.transposed


def _kernels(connection: Connection, weight: np.ndarray) -> np.ndarray:
    """Return a weight as ``(in, height, width, out/groups)``."""
    if isinstance(connection, SlidingKernel):
        return connection.kernels_by_source(weight)
    return np.ascontiguousarray(weight.T)[:, None, None, :]
