"""The last population of a simulation, as a readout sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.readouts import OutputRun
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Events
from brianbridge.simulation.earlier_spikes import EarlierSpikes

__all__ = ["SimulatedOutputRun"]


class SimulatedOutputRun(OutputRun):
    """Give a readout the last population of a simulation, as arrays.

    Parameters
    ----------
    neuron : NeuronModel
        Model of the population.
    steps, coarse : int
        Number of the twin's steps, and number of Brian2's steps in each.
    samples, neurons : int
        Number of samples that were presented, and number of neurons.
    events : Events or None
        The spikes; None if the population does not fire.
    group : brian2.NeuronGroup
        The neurons of these samples; those of further samples may follow.
    earlier : EarlierSpikes, optional
        Further spikes, which came before `events` and are no longer in memory.
    """

    def __init__(
        self,
        neuron: NeuronModel,
        steps: int,
        coarse: int,
        samples: int,
        neurons: int,
        events: Events | None,
        group: Any,
        earlier: EarlierSpikes | None = None,
    ) -> None:
        self.neuron, self.steps, self.grid = neuron, steps, 1 / coarse
        self.samples, self.neurons = samples, neurons
        self._coarse, self._events, self._group = coarse, events, group
        self._earlier = earlier

    @property
    def events(self) -> Events:
        """The spikes."""
        if self._events is None:
            raise self.silent()
        return self._events

    def counts(self) -> np.ndarray:
        """Return the summed spike values."""
        counts = self.events.counts(self.samples, self.neurons)
        return counts if self._earlier is None else counts + self._earlier.counts

    def first_steps(self) -> np.ndarray:
        """Return the first spikes in the twin's steps."""
        fine = self.events.first_steps(self.samples, self.neurons, self.steps * self._coarse)
        if self._earlier is not None:
            fine = np.minimum(fine, self._earlier.first_steps)
        return fine / self._coarse

    def raster(self) -> np.ndarray:
        """Return the spike values in each of the twin's steps."""
        if self._earlier is not None and self._earlier.any:
            raise InputError(
                "the readout needs the spikes of every step, but most of them are in the file "
                "already; drop spikes=, or use readout 'counts'"
            )
        return self.events.to_raster(self.steps, self.samples, self.neurons, self._coarse)

    def state(self, variable: str) -> np.ndarray:
        """Return a state variable at the end, float64."""
        values = np.array(self._group.variables[variable].get_value(), dtype=np.float64)
        return values.reshape(-1, self.neurons)[: self.samples]
