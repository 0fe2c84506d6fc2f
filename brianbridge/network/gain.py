"""What a constant input of a population is worth: per-step input of the twin, current in Brian2."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .network import SpikingNetwork

__all__ = ["input_gain"]


def input_gain(network: SpikingNetwork, name: str) -> float | np.ndarray | None:
    """Return what a unit drive adds to a population in one step; None without constant input."""
    from brian2 import second

    from ..neurons.checks import probe, resolve_names
    from ..neurons.drive import drive_gain

    population = network.population(name)
    if not population.neuron.drive:
        return None
    neurons = population.size if population.neuron.heterogeneous else 1
    group = probe(population.neuron, neurons, fires=False, dt=network.dt * second)
    exact = population.neuron.method == "exact"
    try:
        _, gain = drive_gain(
            group.equations, resolve_names(group), population.neuron.drive, network.dt, exact=exact
        )
    except ValueError as error:
        raise InputError(f"population '{name}': {error}") from None
    return gain
