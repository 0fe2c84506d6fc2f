"""The last population of a simulation, as a readout sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.network.readouts import OutputRun
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Events

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
    ) -> None:
        self.neuron, self.steps, self.grid = neuron, steps, 1 / coarse
        self.samples, self.neurons = samples, neurons
        self._coarse, self._events, self._group = coarse, events, group

    @property
    def events(self) -> Events:
        """The spikes."""
        if self._events is None:
            raise self.silent()
        return self._events

    def counts(self) -> np.ndarray:
        """Return the summed spike values."""
        return self.events.counts(self.samples, self.neurons)

    def first_steps(self) -> np.ndarray:
        """Return the first spikes in the twin's steps."""
        fine = self.events.first_steps(self.samples, self.neurons, self.steps * self._coarse)
        return fine / self._coarse

    def raster(self) -> np.ndarray:
        """Return the spike values in each of the twin's steps."""
        return self.events.to_raster(self.steps, self.samples, self.neurons, self._coarse)

    def state(self, variable: str) -> np.ndarray:
        """Return a state variable at the end, float64."""
        values = np.array(self._group.variables[variable].get_value(), dtype=np.float64)
        return values.reshape(-1, self.neurons)[: self.samples]
