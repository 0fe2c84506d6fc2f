"""What a readout needs to know of spikes that are no longer in memory."""

from __future__ import annotations

import numpy as np

from brianbridge.recording import Events

__all__ = ["EarlierSpikes"]


class EarlierSpikes:
    """Summarise the spikes of the output that are no longer in memory, for one sample.

    Parameters
    ----------
    neurons : int
        Number of neurons.

    Attributes
    ----------
    counts, first_steps : numpy.ndarray of float64, shape (1, neurons)
        Summed spike values, and the step of the first spike (infinity if there is none).
    """

    def __init__(self, neurons: int) -> None:
        self.counts = np.zeros((1, neurons))
        self.first_steps = np.full((1, neurons), np.inf)

    def add(self, events: Events) -> None:
        """Add spikes."""
        neurons = self.counts.shape[1]
        self.counts += events.counts(1, neurons)
        np.minimum.at(self.first_steps[0], events.node, events.step)

    @property
    def any(self) -> bool:
        """Whether there are any spikes."""
        return bool(self.counts.any() or np.isfinite(self.first_steps).any())
