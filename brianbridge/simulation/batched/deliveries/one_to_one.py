"""Deliver spikes to the neuron with the same index."""

from __future__ import annotations

import math

import numpy as np

from brianbridge.network import OneToOne
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery, Shape, weight_delivery
from brianbridge.simulation.batched.spikes import SpikeList

__all__: list[str] = []


class _MatchingDelivery(Delivery):
    """Add the weight of each neuron to the neuron with the same index."""

    def __init__(self, weight: np.ndarray, size: int) -> None:
        super().__init__(size, size)
        self.weight = weight

    def add(self, target: np.ndarray, spikes: SpikeList, mask: np.ndarray = NO_MASK) -> None:
        kernels.add_matching(target, self.weight, *spikes, mask)

    def add_values(
        self, target: np.ndarray, values: np.ndarray, mask: np.ndarray = NO_MASK
    ) -> None:
        kernels.add_matching_values(target, self.weight, values, mask)


@weight_delivery.register(OneToOne)
def _matching(
    connection: OneToOne, weight: np.ndarray, source: Shape, target: Shape, dtype: np.dtype
) -> Delivery:
    return _MatchingDelivery(weight, math.prod(target))
