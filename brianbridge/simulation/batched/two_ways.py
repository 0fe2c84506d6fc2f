"""Deliver spikes by the cheaper of two ways: event by event, or by a dense product.

Event by event, the weights of the neurons that fired are added, so that silence costs nothing. The
dense product multiplies the spikes of the whole batch, silent neurons included, as one matrix.
Which way is cheaper depends on activity and machine. It is measured
(`brianbridge.simulation.batched.costs`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property

import numpy as np

from brianbridge.network import AllToAll, Convolution, TransposedConvolution
from brianbridge.network.connections.convolution import SlidingKernel
from brianbridge.network.images import image_shape
from brianbridge.simulation.batched import image_kernels, kernels
from brianbridge.simulation.batched.costs import crossover
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery, Shape, weight_delivery
from brianbridge.simulation.batched.spikes import SpikeList, from_dense

__all__ = ["TwoWays", "kernels_by_source"]

#: With fewer weights than this, spikes are delivered as events, without a measurement.
_SMALL = 20_000


class TwoWays(Delivery):
    """Choose between events and a dense product."""

    #: What the costs depend on: the connection, and the size and type of its weights.
    key: str
    weights: int
    dtype: np.dtype
    _densest = -1.0

    def prepare(self) -> None:
        """Measure the activity above which the product is cheaper."""
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
        """Return the share of active neurons above which the product is cheaper."""
        # Enough samples to time, and few enough that users do not notice.
        samples = int(np.clip(2e7 // self.weights, 4, 64))
        shape = (samples, self.sources)

        def events(density: float) -> None:
            active = np.random.default_rng(0).random(shape) < density
            spikes = SpikeList(*from_dense(active, np.empty(0, self.dtype), False))
            self.add_events(np.zeros((samples, self.targets), self.dtype), spikes, NO_MASK)

        raster = np.ones(shape, self.dtype)
        return crossover(self.key, events, lambda: self.product(raster))

    @abstractmethod
    def add_events(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray) -> None:
        """Add the weights of the neurons that fired."""

    @abstractmethod
    def product(self, raster: np.ndarray) -> np.ndarray:
        """Return the weighted sum of a dense raster ``(samples, sources)``."""


class _Dense(TwoWays):
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


@weight_delivery.register(AllToAll)
def _by_matrix(
    connection: AllToAll, weight: np.ndarray, source: Shape, target: Shape, dtype: np.dtype
) -> Delivery:
    return _Dense(np.ascontiguousarray(weight.T), dtype)


def kernels_by_source(how: SlidingKernel, weight: np.ndarray) -> np.ndarray:
    """Return the kernels of a convolution as ``(in, height, width, out/groups)``."""
    if how.transposed:
        return np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
    grouped = weight.reshape(how.groups, -1, *weight.shape[1:]).transpose(0, 2, 3, 4, 1)
    return np.ascontiguousarray(grouped.reshape(-1, *grouped.shape[2:]))


class _Kernels(Delivery):
    """Add the kernels of a convolution, or of its transpose, event by event."""

    def __init__(self, weight: np.ndarray, image: Shape, out: Shape, how: SlidingKernel) -> None:
        super().__init__(math.prod(image), math.prod(out))
        self.image, self.out, self.how = image, out, how
        self.kernels = kernels_by_source(how, weight)

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        how = self.how
        image_kernels.add_conv(
            target, self.kernels, self.image, self.out, how.stride, how.padding, how.dilation,
            how.groups, how.transposed, *spikes, mask,
        )  # fmt: skip


class _Convolved(TwoWays):
    """Add the kernels of a convolution event by event, or multiply columns of images."""

    def __init__(
        self, weight: np.ndarray, image: Shape, out: Shape, how: Convolution, dtype: np.dtype
    ) -> None:
        super().__init__(math.prod(image), math.prod(out))
        self.events = _Kernels(weight, image, out, how)
        self.dtype, self.image, self.out, self.how = dtype, image, out, how
        self.weights = weight.size * out[1] * out[2]
        self.matrix = weight.astype(dtype).reshape(how.groups, out[0] // how.groups, -1)
        self.kernel = weight.shape[2:]
        self.key = f"{how} {weight.shape} {image} {weight.dtype} {dtype}"

    def add_events(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray) -> None:
        self.events.add(target, spikes, mask)

    def product(self, raster: np.ndarray) -> np.ndarray:
        how = self.how
        total = np.empty((len(raster), self.targets), self.dtype)
        # A few samples at a time: columns take as much memory as the image times the kernel.
        each = self.matrix.shape[2] * self.out[1] * self.out[2] * how.groups
        step = max(1, 2**22 // each)
        for low in range(0, len(raster), step):
            columns = image_kernels.image_columns(
                raster[low : low + step], self.image, self.out, self.kernel, how.stride,
                how.padding, how.dilation,
            )  # fmt: skip
            grouped = columns.reshape(len(columns), how.groups, self.matrix.shape[2], -1)
            total[low : low + step] = (self.matrix @ grouped).reshape(len(columns), -1)
        return total


@weight_delivery.register(Convolution)
def _by_columns(
    connection: Convolution, weight: np.ndarray, source: Shape, target: Shape, dtype: np.dtype
) -> Delivery:
    return _Convolved(weight, image_shape(source, ""), image_shape(target, ""), connection, dtype)


@weight_delivery.register(TransposedConvolution)
def _by_kernels(
    connection: TransposedConvolution, weight: np.ndarray, source: Shape, target: Shape,
    dtype: np.dtype,
) -> Delivery:  # fmt: skip
    # A dense product would also multiply the zeros between the pixels; events do not.
    return _Kernels(weight, image_shape(source, ""), image_shape(target, ""), connection)


def _dense(spikes: SpikeList, neurons: int, dtype: np.dtype) -> np.ndarray:
    """Return the dense raster ``(samples, neurons)`` of a step."""
    samples = len(spikes.start) - 1
    raster = np.zeros((samples, neurons), dtype)
    rows = np.repeat(np.arange(samples), np.diff(spikes.start))
    raster[rows, spikes.node] = spikes.value if len(spikes.value) else 1
    return raster
