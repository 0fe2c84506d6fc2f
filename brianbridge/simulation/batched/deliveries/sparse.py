"""Deliver spikes by listed synapses, which may share weights, sorted once for each connection."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np

from brianbridge.network import Sparse
from brianbridge.simulation.batched.listed import (
    Delivery,
    ListedDelivery,
    Shape,
    SortedSynapses,
    weight_delivery,
)

__all__: list[str] = []

#: The synapses of connections that have been simulated: they are sorted once. They are forgotten
#: with their connection.
_sorted: WeakKeyDictionary[Sparse, SortedSynapses] = WeakKeyDictionary()


@weight_delivery.register(Sparse)
def _sparse(
    connection: Sparse, weight: np.ndarray, source: Shape, target: Shape, dtype: np.dtype
) -> Delivery:
    sources, targets = math.prod(source), math.prod(target)
    synapses = _sorted.get(connection)
    if synapses is None or len(synapses.first) != sources + 1:
        synapses = SortedSynapses.of(connection.source, connection.target, sources)
        _sorted[connection] = synapses
    each = weight.ravel() if connection.element is None else weight.ravel()[connection.element]
    return ListedDelivery(
        synapses, each if synapses.order is None else each[synapses.order], targets
    )
