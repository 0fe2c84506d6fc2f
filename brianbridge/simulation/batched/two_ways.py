"""Deliver spikes by the cheaper of two ways: event by event, or by a dense product.

Event by event, the weights of the neurons that fired are added, so that silence costs nothing. The
dense product multiplies the spikes of the whole batch, silent neurons included, as one matrix.
Which way is cheaper depends on activity and machine. It is measured
(`brianbridge.kernels.costs`).
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from brianbridge.kernels.costs import crossover
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.listed import Delivery
from brianbridge.simulation.batched.spikes import SpikeList, from_dense

__all__ = ["TwoWays"]

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


def _dense(spikes: SpikeList, neurons: int, dtype: np.dtype) -> np.ndarray:
    """Return the dense raster ``(samples, neurons)`` of a step."""
    samples = len(spikes.start) - 1
    raster = np.zeros((samples, neurons), dtype)
    rows = np.repeat(np.arange(samples), np.diff(spikes.start))
    raster[rows, spikes.node] = spikes.value if len(spikes.value) else 1
    return raster
