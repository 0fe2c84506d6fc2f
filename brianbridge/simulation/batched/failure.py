"""Deliver spikes that fail to arrive, each at each synapse for itself.

Whether a spike arrives is a function of the projection's key, the number of the sample in its data
set, the step, and the neurons at either end (`brianbridge.simulation.random.counters`). So it
depends neither on how samples are batched nor on the number of threads, nor on whether a synapse
belongs to a matrix, a kernel or a list. The reference path loses the same spikes.

These deliveries go synapse by synapse, and take several times as long as those without failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.network import AllToAll, Convolution, Projection, TransposedConvolution
from brianbridge.network.connections import SynapseTable
from brianbridge.network.convolution import image_shape
from brianbridge.simulation.batched.delivery import Delivery, Shape
from brianbridge.simulation.batched.kernels import NO_MASK, SpikeList, add_open, place_of
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.random.counters import draw, sample_keys

__all__ = ["UnreliableDelivery", "UnreliableProjection", "copies_of", "fate", "fates"]

_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")
#: Fates are whole numbers below this.
_RANGE = 2.0**53


@_inline
def _arrives(key: Any, synapse: Any, limit: Any) -> Any:
    return (draw(key, synapse) >> np.uint64(11)) >= limit


def fate(key: int, sample: int, step: int, source: int, target: int) -> float:
    """Return the number from 0 to 1 that a spike must not fall below `probability` to arrive.

    Parameters
    ----------
    key : int
        Of the projection's `Failure`.
    sample : int
        Its number in the data set.
    step : int
        Brian2's step in which the spike arrives, from 0 on in each presentation.
    source, target : int
        The neurons at either end.

    Examples
    --------
    >>> fate(1, 2, 3, 4, 5) == fate(1, 2, 3, 4, 5) != fate(1, 2, 3, 5, 4)
    True
    """
    at = sample_keys(np.uint64(key), np.array([sample]), step)
    return float(fates(at, np.array([source]), np.array([target]))[0])


@_compiled
def fates(keys: np.ndarray, source: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return a `fate` for each of some synapses.

    Parameters
    ----------
    keys : numpy.ndarray of uint64
        Of the sample that a synapse belongs to, in the step.
    source, place : numpy.ndarray of int
        The neuron that it starts at; the one that it reaches, plus the number of targets times
        the number of earlier synapses of the same pair.
    """
    found = np.empty(keys.size)
    for k in range(keys.size):
        bits = draw(draw(keys[k], source[k]), place[k])
        found[k] = np.float64(bits >> np.uint64(11)) / _RANGE
    return found


def copies_of(table: SynapseTable) -> np.ndarray:
    """Return, for each synapse, how many of the same pair of neurons come before it."""
    same = (np.diff(table.source) == 0) & (np.diff(table.target) == 0)
    place = np.arange(len(table.source))
    begins = np.concatenate([[True], ~same])[: len(place)]
    return np.asarray(place - np.maximum.accumulate(np.where(begins, place, 0)), np.int64)


@_compiled
def _add_sparse(
    target: np.ndarray, first: np.ndarray, reached: np.ndarray, copy: np.ndarray,
    weight: np.ndarray, spikes: SpikeList, origin: np.ndarray, mask: np.ndarray, keys: np.ndarray,
    limit: Any,
) -> None:  # fmt: skip
    """Add the synapses ``first[i]:first[i + 1]`` at which a spike of neuron i arrives."""
    samples, outputs = target.shape
    start, node, value = spikes
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        if start[b] == start[b + 1]:
            continue
        total = np.zeros(outputs, target.dtype)
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            key = draw(keys[b], origin[k])
            for synapse in range(first[node[k]], first[node[k] + 1]):
                j = reached[synapse]
                if _arrives(key, j + np.int64(copy[synapse]) * outputs, limit):
                    total[j] += scale * real(weight[synapse])
        add_open(target[b], total, mask, b * outputs)


@_compiled
def _add_conv(
    target: np.ndarray, weight: np.ndarray, image: tuple, out: tuple, stride: tuple,
    padding: tuple, dilation: tuple, groups: int, transposed: bool, spikes: SpikeList,
    origin: np.ndarray, mask: np.ndarray, keys: np.ndarray, limit: Any,
) -> None:  # fmt: skip
    """Stamp kernels onto the target where a spike arrives; see `kernels.add_conv`."""
    samples, outputs = target.shape
    start, node, value = spikes
    rows, columns, channels = weight.shape[1], weight.shape[2], weight.shape[3]
    places = out[1] * out[2]
    pixels = image[1] * image[2]
    each = image[0] // groups
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        if start[b] == start[b + 1]:
            continue
        total = np.zeros(outputs, target.dtype)
        for k in range(start[b], start[b + 1]):
            scale = value[k] if graded else real(1)
            key = draw(keys[b], origin[k])
            channel, pixel = divmod(node[k], pixels)
            y, x = divmod(pixel, image[2])
            low = channel // each * channels
            for ky in range(rows):
                oy = place_of(y, stride[0], padding[0], ky * dilation[0], out[1], transposed)
                if oy < 0:
                    continue
                for kx in range(columns):
                    ox = place_of(x, stride[1], padding[1], kx * dilation[1], out[2], transposed)
                    if ox < 0:
                        continue
                    kernel = weight[channel, ky, kx]
                    for c in range(channels):
                        j = (low + c) * places + oy * out[2] + ox
                        if _arrives(key, j, limit):
                            total[j] += scale * real(kernel[c])
        add_open(target[b], total, mask, b * outputs)


@_compiled
def _windows(
    first: np.ndarray, reached: np.ndarray, weight: np.ndarray, spikes: SpikeList,
    empty: np.ndarray,
) -> tuple:  # fmt: skip
    """Return the spikes once for each pooling window that they lie in, and where they are from."""
    start, node, value = spikes
    graded = value.size > 0
    samples, number = start.size - 1, 0
    for k in range(node.size):
        number += first[node[k] + 1] - first[node[k]]
    starts = np.zeros(samples + 1, np.int64)
    nodes, values = np.empty(number, np.int32), np.empty(number, empty.dtype)
    origin = np.empty(number, np.int32)
    found = 0
    for b in range(samples):
        for k in range(start[b], start[b + 1]):
            for window in range(first[node[k]], first[node[k] + 1]):
                nodes[found], origin[found] = reached[window], node[k]
                values[found] = weight[window] * (value[k] if graded else 1)
                found += 1
        starts[b + 1] = found
    return starts, nodes, values, origin


class _Listed:
    """Hold synapses by source neuron."""

    def __init__(self, table: SynapseTable, sources: int) -> None:
        self.first = np.searchsorted(table.source, np.arange(sources + 1))
        self.reached = table.target.astype(np.int32)
        self.weight = table.weight
        # A pair of neurons may be connected twice, and each of the two fails for itself.
        self.copy = copies_of(table).astype(np.int32)


class UnreliableDelivery(Delivery):
    """Apply the weights of a projection that has a `Failure`.

    Parameters
    ----------
    projection : Projection
        The projection.
    source, target : tuple of int
        Shapes of the populations.
    dtype : type
        Of the target's variable.
    """

    def __init__(
        self, projection: Projection, source: Shape, target: Shape, dtype: type = np.float64
    ) -> None:
        super().__init__(int(np.prod(source)), int(np.prod(target)))
        assert projection.failure is not None
        self.key = np.uint64(projection.failure.key)
        self.limit = np.uint64(np.ceil(projection.failure.probability * _RANGE))
        self.empty: np.ndarray = np.empty(0, dtype)
        pool, seen = projection.pool, projection.pooled_shape(source)
        self.windows = None if pool is None else _Listed(pool.synapses(source), self.sources)
        how, weight = projection.connection, projection.weight
        self.stamp: tuple[Any, ...] | None = None
        match how:
            case AllToAll():
                # A matrix is a kernel of one pixel.
                one = np.ascontiguousarray(weight.T)[:, None, None, :]
                ends = (_size(seen), 1, 1), (self.targets, 1, 1)
                self.stamp = one, *ends, (1, 1), (0, 0), (1, 1), 1, False
            case Convolution() | TransposedConvolution():
                image, out = image_shape(seen, ""), image_shape(target, "")
                back = isinstance(how, TransposedConvolution)
                self.stamp = (
                    _stamps(weight, how.groups, back), image, out, how.stride, how.padding,
                    how.dilation, how.groups, back,
                )  # fmt: skip
            case _:
                self.listed = _Listed(how.synapses(weight, seen, target), _size(seen))

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
            From `keys`; those of samples 0, 1, ... in step 0 if not given.
        """
        keys = self.keys(np.arange(len(target)), 0) if keys is None else keys
        origin = spikes.node
        if self.windows is not None:
            way = self.windows
            start, node, value, origin = _windows(
                way.first, way.reached, way.weight, spikes, self.empty
            )
            spikes = SpikeList(start, node, value)
        if self.stamp is not None:
            _add_conv(target, *self.stamp, spikes, origin, mask, keys, self.limit)
        else:
            way = self.listed
            _add_sparse(
                target, way.first, way.reached, way.copy, way.weight, spikes, origin, mask, keys,
                self.limit,
            )  # fmt: skip

    def keys(self, numbers: np.ndarray, step: int) -> np.ndarray:
        """Return the keys of samples by their numbers in the data set, in one of Brian2's steps."""
        return np.asarray(sample_keys(self.key, numbers, step))


def _size(shape: Shape) -> int:
    """Return the number of neurons of a shape."""
    return int(np.prod(shape))


def _stamps(weight: np.ndarray, groups: int, transposed: bool) -> np.ndarray:
    """Return kernels as ``(in, height, width, out/groups)``."""
    if transposed:
        return np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
    grouped = weight.reshape(groups, -1, *weight.shape[1:]).transpose(0, 2, 3, 4, 1)
    return np.ascontiguousarray(grouped.reshape(-1, *grouped.shape[2:]))


class UnreliableProjection(BatchedProjection):
    """Deliver spikes that may fail to arrive; its delivery is an `UnreliableDelivery`."""

    how: UnreliableDelivery

    def begin(self, numbers: np.ndarray) -> None:
        """Start a presentation of the samples of these numbers; more may be silent behind them."""
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
