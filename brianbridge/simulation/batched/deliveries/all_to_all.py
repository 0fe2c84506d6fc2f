"""Deliver spikes through a matrix of weights: row by row, or as a dense product."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from brianbridge.network import AllToAll
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.listed import Delivery, Shape, weight_delivery
from brianbridge.simulation.batched.spikes import SpikeList
from brianbridge.simulation.batched.two_ways import TwoWays

__all__: list[str] = []


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
