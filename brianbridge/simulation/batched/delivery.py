"""Apply the weights of one projection to the spikes of a step, by the cheaper of two ways.

Event-driven: the weights of the neurons that fired are added, so that silence costs nothing.
Dense: all spikes of the batch, silent neurons included, are multiplied as one matrix. Which one
is cheaper depends on activity and machine; where both exist the crossover is measured
(`brianbridge.simulation.batched.costs`). Convolution and pooling never unroll.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from brianbridge.network import (
    AllToAll,
    Convolution,
    OneToOne,
    Pooling,
    Projection,
    Sparse,
    TransposedConvolution,
)
from brianbridge.network.convolution import image_shape
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.costs import crossover
from brianbridge.simulation.batched.kernels import NO_MASK, SpikeList

__all__ = ["Delivery", "delivery", "weighted"]

Shape = tuple[int, ...]
#: Below this many weights both ways are too cheap to be told apart.
_SMALL = 20_000


class Delivery(ABC):
    """Hold the weights of a projection as its kernel wants them.

    Parameters
    ----------
    sources, targets : int
        Neurons at either end.
    """

    def __init__(self, sources: int, targets: int) -> None:
        self.sources, self.targets = sources, targets

    def prepare(self) -> None:  # noqa: B027
        """Measure what is to be known before several threads use it."""

    @abstractmethod
    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        """Add the weights of a step's spikes.

        Parameters
        ----------
        target : numpy.ndarray, shape (samples, targets)
            What is added to, in place.
        spikes : SpikeList
            The spikes of the step.
        mask : numpy.ndarray of bool, shape (samples*targets,) or (0,)
            Which neurons can be added to; all if empty.
        """


class _TwoWays(Delivery):
    """Choose between events and a dense product."""

    #: Name of the connection, size and type of its weights: what the costs depend on.
    key: str
    weights: int
    dtype: np.dtype
    _densest = -1.0

    def prepare(self) -> None:
        """Measure from which activity on the product is cheaper."""
        if self._densest < 0:
            self._densest = self._measured() if self.weights >= _SMALL else np.inf

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        """Add the weights of a step's spikes; see `Delivery.add`."""
        self.prepare()
        density = len(spikes.node) / (len(target) * self.sources)
        if density > self._densest:
            kernels.add_product(
                target, self.product(_dense(spikes, self.sources, self.dtype)), mask
            )
        else:
            self.add_events(target, spikes, mask)

    def _measured(self) -> float:
        """Return the share of active neurons from which on the product is cheaper."""
        # Enough to time, little enough not to be noticed.
        samples = int(np.clip(2e7 // self.weights, 4, 64))
        shape = (samples, self.sources)

        def events(density: float) -> None:
            active = np.random.default_rng(0).random(shape) < density
            spikes = SpikeList(*kernels.from_dense(active, np.empty(0, self.dtype), False))
            self.add_events(np.zeros((samples, self.targets), self.dtype), spikes, NO_MASK)

        raster = np.ones(shape, self.dtype)
        return crossover(self.key, events, lambda: self.product(raster))

    @abstractmethod
    def add_events(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray) -> None:
        """Add the weights of the neurons that fired."""

    @abstractmethod
    def product(self, raster: np.ndarray) -> np.ndarray:
        """Return the weighted sum of a dense raster ``(samples, sources)``."""


class _Dense(_TwoWays):
    def __init__(self, weight: np.ndarray, dtype: np.dtype) -> None:
        super().__init__(*weight.shape)
        self.weights, self.dtype = weight.size, dtype
        silent = np.zeros((1, weight.shape[1]), weight.dtype)
        self.rows = np.concatenate([weight, silent])
        self.key = f"all_to_all {weight.shape} {weight.dtype} {dtype}"

    @cached_property
    def _matrix(self) -> np.ndarray:
        return self.rows[:-1].astype(self.dtype, copy=False)

    def add_events(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray) -> None:
        kernels.add_dense(target, self.rows, *spikes, mask)

    def product(self, raster: np.ndarray) -> np.ndarray:
        return raster @ self._matrix


class _Convolved(_TwoWays):
    def __init__(
        self, weight: np.ndarray, image: Shape, out: Shape,
        how: Convolution | TransposedConvolution, dtype: np.dtype,
    ) -> None:  # fmt: skip
        super().__init__(int(np.prod(image)), int(np.prod(out)))
        self.dtype, self.image, self.out, self.how = dtype, image, out, how
        self.transposed = isinstance(how, TransposedConvolution)
        if self.transposed:
            # Their product would be a convolution with holes; events do without.
            self.weights = 0
            self.stamp = np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
        else:
            self.weights = weight.size * out[1] * out[2]
            self.matrix = weight.astype(dtype).reshape(how.groups, out[0] // how.groups, -1)
            grouped = weight.reshape(how.groups, -1, *weight.shape[1:])
            stamp = grouped.transpose(0, 2, 3, 4, 1)  # groups, in, height, width, out
            self.stamp = np.ascontiguousarray(stamp.reshape(image[0], *stamp.shape[2:]))
        self.key = f"{how} {weight.shape} {image} {weight.dtype} {dtype}"

    def add_events(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray) -> None:
        how = self.how
        kernels.add_conv(
            target, self.stamp, self.image, self.out, how.stride, how.padding, how.dilation,
            how.groups, self.transposed, *spikes, mask,
        )  # fmt: skip

    def product(self, raster: np.ndarray) -> np.ndarray:
        how, kernel = self.how, self.stamp.shape[1:3]
        total = np.empty((len(raster), self.targets), self.dtype)
        # A few samples at a time: columns are the image times the size of the kernel.
        each = self.matrix.shape[2] * self.out[1] * self.out[2] * how.groups
        step = max(1, 2**22 // each)
        for low in range(0, len(raster), step):
            columns = kernels.image_columns(
                raster[low : low + step], self.image, self.out, kernel, how.stride, how.padding,
                how.dilation,
            )  # fmt: skip
            grouped = columns.reshape(len(columns), how.groups, self.matrix.shape[2], -1)
            total[low : low + step] = (self.matrix @ grouped).reshape(len(columns), -1)
        return total


class _Sparse(Delivery):
    def __init__(self, connection: Sparse, weight: np.ndarray, sources: int, targets: int) -> None:
        super().__init__(sources, targets)
        order = connection.order
        self.first = np.searchsorted(connection.source[order], np.arange(sources + 1))
        self.reached = connection.target[order].astype(np.int32)
        self.weight = np.ascontiguousarray(weight[order])

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        kernels.add_sparse(target, self.first, self.reached, self.weight, *spikes, mask)


class _Matching(Delivery):
    def __init__(self, weight: np.ndarray, size: int) -> None:
        super().__init__(size, size)
        self.weight = weight

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        kernels.add_matching(target, self.weight, *spikes, mask)


class _Pooled(Delivery):
    """Sum spikes over windows and pass the sums on as graded spikes."""

    def __init__(self, pool: Pooling, source: Shape, rest: Delivery, dtype: np.dtype) -> None:
        super().__init__(int(np.prod(source)), rest.targets)
        self.pool, self.rest, self.empty = pool, rest, np.empty(0, dtype)
        self.image, self.out = image_shape(source, "pooling"), pool.output_shape(source)

    def prepare(self) -> None:
        self.rest.prepare()

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        pool = self.pool
        sums = kernels.pooled(
            *spikes, self.image, self.out, pool.size, pool.stride, pool.padding, self.empty
        )
        if pool.mode == "average":
            sums /= pool.size[0] * pool.size[1]  # as torch does, to the last bit
        self.rest.add(target, SpikeList(*kernels.from_dense(sums, self.empty, True)), mask)


def delivery(
    projection: Projection, source: Shape, target: Shape, dtype: type = np.float64
) -> Delivery:
    """Return what applies the weights of a projection between populations of these shapes.

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
        weight = weight.astype(real)
    found = _unpooled(projection, weight, seen, target, real)
    return found if pool is None else _Pooled(pool, source, found, real)


def _unpooled(
    projection: Projection, weight: np.ndarray, source: Shape, target: Shape, dtype: np.dtype
) -> Delivery:
    connection = projection.connection
    match connection:
        case AllToAll():
            return _Dense(np.ascontiguousarray(weight.T), dtype)
        case OneToOne():
            return _Matching(weight, int(np.prod(target)))
        case Convolution() | TransposedConvolution():
            image, out = image_shape(source, ""), image_shape(target, "")
            return _Convolved(weight, image, out, connection, dtype)
        case Sparse():
            return _Sparse(connection, weight, int(np.prod(source)), int(np.prod(target)))
    table = connection.synapses(weight, source, target)
    listed = Sparse(table.source, table.target)
    return _Sparse(listed, table.weight, int(np.prod(source)), int(np.prod(target)))


def weighted(projection: Projection, current: np.ndarray, target: Shape) -> np.ndarray:
    """Return the weighted sum of a constant current, float64, ``(samples, targets)``.

    Parameters
    ----------
    projection : Projection
        The projection; its bias is left out.
    current : numpy.ndarray, shape (samples, *source)
        What is constant.
    target : tuple of int
        Shape of the target.
    """
    flat = current.reshape(len(current), -1)
    if isinstance(projection.connection, AllToAll) and projection.pool is None:
        return flat @ projection.weight.astype(np.float64, copy=False).T
    total = np.zeros((len(flat), int(np.prod(target))))
    spikes = SpikeList(*kernels.from_dense(flat, np.empty(0), True))
    delivery(projection, current.shape[1:], target).add(total, spikes)
    return total


def _dense(spikes: SpikeList, neurons: int, dtype: np.dtype) -> np.ndarray:
    """Return the dense raster ``(samples, neurons)`` of a step."""
    samples = len(spikes.start) - 1
    raster = np.zeros((samples, neurons), dtype)
    rows = np.repeat(np.arange(samples), np.diff(spikes.start))
    raster[rows, spikes.node] = spikes.value if len(spikes.value) else 1
    return raster
