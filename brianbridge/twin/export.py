"""Take the trained weights and neuron parameters out of a twin, as a spiking network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import Quantity
from torch import Tensor

from brianbridge.arrays import as_array
from brianbridge.network import Population, SpikingNetwork
from brianbridge.network.learned_parameters import with_learned
from brianbridge.neurons.quantities import si_array
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.received import total

__all__ = ["export_network"]


def export_network(twin: NetworkModules, **provenance: Any) -> SpikingNetwork:
    """Return the spiking network with the twin's present weights.

    The weights include normalisation and quantisation.

    Parameters
    ----------
    twin : NetworkModules
        A trained twin. It is not changed.
    **provenance
        JSON values that record where the weights come from.
    """
    weights: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    delays: dict[str, np.ndarray] = {}
    for name in twin.projections:
        projection = twin.projection(name)
        projection.check_signs("call twin.keep_bounds() after each optimiser step")
        weight, bias = projection.effective()
        weights[name] = (_copied(weight), None if bias is None else _copied(bias))
        learned = projection.delays()
        if learned is not None:
            delays[name] = _copied(learned)
    network = twin.network.with_weights(weights, **provenance).with_delays(delays)
    network = with_learned(network, {n: twin.learned_of(n).quantities() for n in twin.learned})
    if not twin.normalises_potential:
        return network
    return replace(network, populations=tuple(_with_start(twin, p) for p in network.populations))


def _copied(parameter: Tensor) -> np.ndarray:
    return as_array(parameter, "weights").copy()


def _with_start(twin: NetworkModules, population: Population) -> Population:
    """Add the constant of a batch normalisation to the initial potential of the neurons."""
    shift = total(
        twin.projection(p.name).shift_of_potential() for p in twin.network.incoming(population.name)
    )
    if shift is None:
        return population
    neuron, added = population.neuron, shift.detach().flatten().cpu().double().numpy()
    v = neuron.require_potential("batch_norm = 'potential'")
    before = neuron.initial.get(v, 0.0)
    start = si_array(before) + added
    if isinstance(before, Quantity):
        start = Quantity.with_dimensions(start, before.dim)
    initial = {**neuron.initial, v: start}
    return replace(population, neuron=replace(neuron, initial=initial))
