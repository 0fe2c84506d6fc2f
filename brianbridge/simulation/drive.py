"""The constant currents of a presentation: encoded samples and biases, in physical units."""

from __future__ import annotations

import numpy as np

from ..encoding import EncodedInput
from ..network import INPUT, SpikingNetwork
from ..network.gain import input_gain

__all__ = ["drive_values"]


def drive_values(network: SpikingNetwork, encoded: EncodedInput) -> dict[str, np.ndarray]:
    """Return the value of each population's drive, in SI units, ``(samples, size)``.

    The input of one step, weighted samples plus bias, is divided by what a unit drive adds to
    the neuron over a step of the surrogate; at a finer step the same current then follows the
    same trajectory.
    """
    drives: dict[str, np.ndarray] = {}
    for population in network.populations:
        constant = np.zeros((encoded.samples, population.size))
        for projection in network.incoming(population.name):
            if projection.source == INPUT and encoded.current is not None:
                flat = encoded.current.reshape(encoded.samples, -1)
                constant = constant + flat @ projection.weight.astype(np.float64).T
            if projection.bias is not None:
                constant = constant + projection.bias.astype(np.float64)
        gain = input_gain(network, population.name)
        if gain is not None:
            drives[population.name] = constant / gain
    return drives
