"""How much a constant drive adds to neurons whose parameters are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brianbridge.network import SpikingNetwork
from brianbridge.neurons.probe import probe, resolve_names
from brianbridge.neurons.propagator import exact_propagator
from brianbridge.twin.derived import DriveGain
from brianbridge.twin.learn import Learn

__all__ = ["learned_gains"]


def learned_gains(
    network: SpikingNetwork, learn: Mapping[str, Sequence[Learn]]
) -> dict[str, DriveGain]:
    """Return the gains that depend on learned parameters, by population.

    See `brianbridge.network.gain` for all others.
    """
    found = {}
    for population in network.populations:
        learned = {one.name for one in learn.get(population.name, ())}
        gain = _gain(network, population.name) if learned else None
        if gain is not None and gain.parameters & learned:
            found[population.name] = gain
    return found


def _gain(network: SpikingNetwork, name: str) -> DriveGain | None:
    from brian2 import second

    population = network.population(name)
    model = population.neuron
    if not model.drive:
        return None
    neurons = population.size if model.differ else 1
    group = probe(model, neurons, fires=False, dt=network.unit_step * second)
    variables = resolve_names(group)
    exact = exact_propagator(group.equations, variables) if model.method == "exact" else None
    return DriveGain(group.equations, variables, model.drive, network.unit_step, exact)
