"""Deliver spikes through convolutions: kernel by kernel, or as a product of columns of images."""

from __future__ import annotations

import math

import numpy as np

from brianbridge.kernels.windows import KernelRows
from brianbridge.network import Convolution, TransposedConvolution
from brianbridge.network.connections.convolution import SlidingKernel
from brianbridge.network.images import image_shape
from brianbridge.simulation.batched import image_kernels
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery, Shape, weight_delivery
from brianbridge.simulation.batched.spikes import SpikeList
from brianbridge.simulation.batched.two_ways import TwoWays

__all__: list[str] = []


class _Kernels(Delivery):
    """Add the kernels of a convolution, or of its transpose, event by event."""

    def __init__(
        self, weight: np.ndarray, image: Shape, out: Shape, how: SlidingKernel, dtype: np.dtype
    ) -> None:
        super().__init__(math.prod(image), math.prod(out))
        self.rows = KernelRows(
            how.kernels_by_source(weight), image, out, how.stride, how.padding, how.dilation,
            how.groups, how.transposed, dtype,
        )  # fmt: skip

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        self.rows.add(target, *spikes, mask)


class _Convolved(TwoWays):
    """Add the kernels of a convolution event by event, or multiply columns of images."""

    def __init__(
        self, weight: np.ndarray, image: Shape, out: Shape, how: Convolution, dtype: np.dtype
    ) -> None:
        super().__init__(math.prod(image), math.prod(out))
        self.events = _Kernels(weight, image, out, how, dtype)
        self.dtype, self.image, self.out, self.how = dtype, image, out, how
        self.weights = weight.size * out[1] * out[2]
        self.matrix = weight.astype(dtype).reshape(how.groups, out[0] // how.groups, -1)
        self.kernel = weight.shape[2:]
        self.key = f"rows of {how} {weight.shape} {image} {weight.dtype} {dtype}"

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
    ends = image_shape(source, ""), image_shape(target, "")
    return _Kernels(weight, *ends, connection, dtype)
