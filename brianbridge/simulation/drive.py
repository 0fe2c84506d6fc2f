"""Constant currents of a presentation: encoded samples and biases, in physical units."""

from __future__ import annotations

import numpy as np

from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.simulation.batched.delivery import weighted

__all__ = ["Drives"]


class Drives:
    """Compute the value of each population's drive, in SI units.

    The input of a step, weighted samples plus bias, is divided by the amount that a unit drive
    adds to the neuron over a step of the twin. With a finer step the same current then leads to
    the same trajectory.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with weights.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        self._network = network
        gains = {p.name: input_gain(network, p.name) for p in network.populations}
        self._gains = {name: gain for name, gain in gains.items() if gain is not None}

    def __call__(self, current: np.ndarray | None, samples: int) -> dict[str, np.ndarray]:
        """Return the drive of each population with a constant input, ``(samples, size)``.

        Other populations keep their initial drive.

        Parameters
        ----------
        current : numpy.ndarray, shape (samples, *input_shape), optional
            The input, unless it is spikes.
        samples : int
            Number of samples.
        """
        drives: dict[str, np.ndarray] = {}
        for name, gain in self._gains.items():
            population = self._network.population(name)
            constant, has_input = np.zeros(population.size), False
            for projection in self._network.incoming(name):
                if projection.bias is not None:
                    has_input = True
                    constant = constant + projection.connection.bias_of_neurons(
                        projection.bias, population.shape
                    )
                if projection.source == INPUT and current is not None:
                    has_input = True
                    constant = constant + weighted(projection, current, population.shape)
            if has_input:
                drives[name] = np.broadcast_to(constant / gain, (samples, population.size))
        return drives
