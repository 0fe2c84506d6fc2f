"""Constant input: the variable that it drives, and its ratio to Brian2's constant current."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.structure import NetworkStructure

__all__ = ["driven_variable", "input_gain"]

#: The driven variable, and what a unit drive adds to it in a step; None without a drive.
_Gain = tuple[str, float | np.ndarray | None]

#: The gains computed so far, by network (which never changes) and by population.
_known: WeakKeyDictionary[NetworkStructure, dict[str, _Gain]] = WeakKeyDictionary()


def input_gain(network: NetworkStructure, name: str) -> float | np.ndarray | None:
    """Return the change of a population by a unit drive in one step; None if it has no drive."""
    return _gain(network, name)[1]


def driven_variable(network: NetworkStructure, name: str) -> str:
    """Return the variable that a constant input adds to in each step; empty without a drive."""
    return _gain(network, name)[0]


def _gain(network: NetworkStructure, name: str) -> _Gain:
    gains = _known.setdefault(network, {})
    if name not in gains:
        gains[name] = _computed(network, name)
    return gains[name]


def _computed(network: NetworkStructure, name: str) -> _Gain:
    from brian2 import second

    from brianbridge.neurons.drive import drive_gain
    from brianbridge.neurons.probe import probe, resolve_names

    population = network.population(name)
    if not population.neuron.drive:
        return "", None
    neurons = population.size if population.neuron.differ else 1
    group = probe(population.neuron, neurons, fires=False, dt=network.unit_step * second)
    exact = population.neuron.method == "exact"
    try:
        variable, gain = drive_gain(
            group.equations, resolve_names(group), population.neuron.drive, network.unit_step,
            exact=exact,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"population '{name}': {error}") from None
    return variable, gain
