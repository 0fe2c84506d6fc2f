"""Checks that the equilibrium of a network is the one that the rules differentiate."""

from __future__ import annotations

import numpy as np
import torch

from brianbridge.errors import InputError
from brianbridge.network import Population, SpikingNetwork
from brianbridge.rules.layer_checks import (
    check_canonical,
    check_fixed_delays,
    check_reliable,
    check_threshold,
)
from brianbridge.rules.layerwise import initial_potential, leak_factor
from brianbridge.twin.population import PopulationTwin

__all__ = ["check_equilibrium", "reset_amount", "sums_and_subtracts"]

#: Steps of the simulation that tests a neuron model.
_STEPS = 30


def reset_amount(network: SpikingNetwork, name: str, threshold: str, rest: str) -> float:
    """Return U of a population: how much a reset subtracts from the potential."""
    parameters = network.population(name).neuron.parameters
    return float(parameters[threshold]) - float(parameters.get(rest, 0.0))


def check_equilibrium(
    network: SpikingNetwork, rule: str, threshold: str, rest: str, tau: str
) -> None:
    """Refuse networks whose mean rates do not settle at the equilibrium of `EquilibriumRule`.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    rule : str
        Name of the rule, for messages.
    threshold, rest, tau : str
        Parameters of the neuron models; see `EquilibriumRule`.

    Raises
    ------
    InputError
        If the output fires, neurons differ within a population or in their leak, or a neuron model
        does not sum its input and subtract ``threshold - rest`` per spike.
    """
    what = f"learning rule '{rule}'"
    if network.readout != "potential":
        raise InputError(f"{what}: the output must not fire; give readout = 'potential'")
    check_canonical(network, rule)
    check_reliable(network, rule)
    check_fixed_delays(network, rule)
    check_threshold(network, rule, threshold)
    _check_same_values(network, what, (threshold, rest, tau))
    leaks = {p.name: leak_factor(network, p.name, tau) for p in network.populations}
    if len(set(leaks.values())) > 1:
        raise InputError(
            f"{what}: all populations must have the same leak, but the factors by which their "
            f"potentials decay in a step are {leaks}; give all the same '{tau}'"
        )
    firing = {population.name for population in network.firing}
    for population in network.populations:
        name, amount, level = population.name, None, None
        if name in firing:
            amount = reset_amount(network, name, threshold, rest)
            level = float(population.neuron.parameters[threshold])
        if not sums_and_subtracts(population, network.dt, leaks[name], amount, level):
            raise InputError(
                f"{what}: population '{name}' has neuron model '{population.neuron.name}', but "
                "needs one that sums its input, otherwise changes only by its leak, fires in "
                "each step in which it reaches its threshold, with spikes of value 1, and loses "
                f"{threshold} - {rest} per spike; use 'if_rest' or 'lif_rest' without a refractory "
                "period of several steps"
            )


def _check_same_values(network: SpikingNetwork, what: str, parameters: tuple[str, ...]) -> None:
    """Refuse parameters that differ between the neurons of a population."""
    for population in network.populations:
        for parameter in parameters:
            if np.size(population.neuron.parameters.get(parameter, 0.0)) > 1:
                raise InputError(
                    f"{what}: the neurons of population '{population.name}' differ in "
                    f"'{parameter}'; give them one value"
                )


def sums_and_subtracts(
    population: Population,
    dt: float,
    leak: float,
    amount: float | None,
    threshold: float | None = None,
) -> bool:
    """Return whether ``v = leak*v + x``, and each spike is worth 1 and subtracts `amount`.

    Parameters
    ----------
    population : Population
        The population whose neurons are tested.
    dt : float
        Time step, in seconds.
    leak : float
        Factor by which a potential decays in a step.
    amount : float, optional
        How much a spike must subtract; None for neurons that do not fire.
    threshold : float, optional
        A spike must be emitted in each step in which the potential is as large, and in no other.
        Not tested if None.
    """
    neuron, size = population.neuron, population.size
    twin = PopulationTwin(neuron, (size,), dt, fires=amount is not None, dtype=torch.float64)
    # Inputs from silence to a spike in every step, and some beyond both ends.
    scale = 1.0 if amount is None else abs(amount)
    x = scale * np.random.default_rng(0).normal(0.4, 1.0, (_STEPS, 1, size))
    name = neuron.require_potential(f"population '{population.name}'")
    ran = twin.run(torch.as_tensor(x), record=(name,))
    v = ran.traces[name]
    before = torch.as_tensor(initial_potential(population)).expand(size) + torch.zeros_like(v[:1])
    free = leak * torch.cat([before, v[:-1]]) + torch.as_tensor(x)
    if amount is None or ran.spikes is None:
        return torch.allclose(v, free)
    if threshold is not None and not torch.equal(ran.spikes != 0, free >= threshold):
        return False
    return bool(set(ran.spikes.unique().tolist()) == {0.0, 1.0}) and torch.allclose(
        v, free - amount * ran.spikes
    )
