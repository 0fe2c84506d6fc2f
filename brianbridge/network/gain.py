"""The ratio of the twin's input per step to Brian2's constant current, for each population."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.network import SpikingNetwork

__all__ = ["input_gain"]

#: The gains computed so far, by network (which never changes) and by population.
_known: WeakKeyDictionary[SpikingNetwork, dict[str, float | np.ndarray | None]] = (
    WeakKeyDictionary()
)


def input_gain(network: SpikingNetwork, name: str) -> float | np.ndarray | None:
    """Return what a unit drive adds to a population in one step; None if it has no drive."""
    gains = _known.setdefault(network, {})
    if name not in gains:
        gains[name] = _computed(network, name)
    return gains[name]


def _computed(network: SpikingNetwork, name: str) -> float | np.ndarray | None:
    from brian2 import second

    from brianbridge.neurons.drive import drive_gain
    from brianbridge.neurons.probe import probe, resolve_names

    population = network.population(name)
    if not population.neuron.drive:
        return None
    neurons = population.size if population.neuron.differ else 1
    group = probe(population.neuron, neurons, fires=False, dt=network.dt * second)
    exact = population.neuron.method == "exact"
    try:
        _, gain = drive_gain(
            group.equations, resolve_names(group), population.neuron.drive, network.dt, exact=exact
        )
    except ValueError as error:
        raise InputError(f"population '{name}': {error}") from None
    return gain
