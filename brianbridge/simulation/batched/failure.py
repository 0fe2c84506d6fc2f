"""Deliver spikes that may fail to arrive, at each synapse independently."""

from __future__ import annotations

import math

import numpy as np

from brianbridge.kernels.rasters import SpikeRows
from brianbridge.kernels.unreliable import UnreliableSynapses
from brianbridge.network import Projection
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery, Shape
from brianbridge.simulation.batched.projections import BatchedProjection
from brianbridge.simulation.batched.spikes import SpikeList

__all__ = ["UnreliableDelivery", "UnreliableProjection"]


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
        self.synapses = UnreliableSynapses(projection, source, target)
        self.weight: np.ndarray = projection.weight.astype(dtype)

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
            Keys from `UnreliableSynapses.keys`; those of samples 0, 1, ... in step 0 if not given.
        """
        if keys is None:
            keys = self.synapses.keys(np.arange(len(target)), 0)
        sums = self.synapses.sums(self.weight, SpikeRows(*spikes), keys)
        np.add(target, sums, out=target, where=mask.reshape(target.shape) if mask.size else True)


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
        keys = self.how.synapses.keys(self._numbers, self._step)
        self.how.add(self._values, spikes, self._mask, keys)
