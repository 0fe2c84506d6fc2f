"""Checks that a network can be trained by the rule `FirstSpike`."""

from __future__ import annotations

import numpy as np
import torch

from brianbridge.encoding import Latency
from brianbridge.encoding.of_another import innermost
from brianbridge.errors import InputError
from brianbridge.network import Population, SpikingNetwork
from brianbridge.rules.layer_checks import (
    check_canonical,
    check_feedforward,
    check_reliable,
    check_same_delays,
    check_threshold,
)
from brianbridge.rules.layerwise import initial_potential
from brianbridge.twin.population import PopulationTwin

__all__ = ["check_first_spike_network"]


def check_first_spike_network(
    network: SpikingNetwork, rule: str, threshold: str, slope: str
) -> None:
    """Refuse all but feedforward networks of neurons without leak that fire once.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    rule : str
        Name of the rule, for messages.
    threshold : str
        The parameter of the neuron models that holds the threshold.
    slope : str
        Option of `FirstSpike`. With any but ``"every_step"``, potentials must start at 0, neurons
        without input must be silent, and all spikes must arrive.

    Raises
    ------
    InputError
        If inputs or neurons may fire more than once, the network has loops, or its readout is not
        ``first_spike``.
    """
    what = f"learning rule '{rule}'"
    check_feedforward(network, rule)
    check_threshold(network, rule, threshold)
    check_canonical(network, rule)
    if slope != "every_step":
        check_reliable(network, rule)
    check_same_delays(network, rule)
    if network.readout != "first_spike":
        raise InputError(
            f"{what} needs the readout 'first_spike', but the network has '{network.readout}'; "
            "give readout = 'first_spike'"
        )
    if not isinstance(innermost(network.encoding), Latency):
        raise InputError(
            f"{what} needs inputs that fire once, but the encoding is '{network.encoding.kind}'; "
            "use the encoding 'latency'"
        )
    for population in network.populations:
        if slope != "every_step":
            _check_silent_without_input(population, what, threshold, slope)
        if not _sums_and_fires_once(population, network.dt, threshold):
            raise InputError(
                f"{what}: neurons of population '{population.name}' must sum their input "
                f"without leak and fire once, above '{threshold}', but model "
                f"'{population.neuron.name}' does not; use 'single_spike_if'"
            )


def _check_silent_without_input(
    population: Population, what: str, threshold: str, slope: str
) -> None:
    if np.any(initial_potential(population)):
        raise InputError(
            f"{what}: slope = '{slope}' needs potentials that start at 0, but those of "
            f"population '{population.name}' do not; give 'every_step'"
        )
    theta = np.asarray(population.neuron.parameters[threshold])
    if np.any(theta < 0):
        raise InputError(
            f"{what}: slope = '{slope}' needs neurons that are silent without input, but "
            f"{threshold} = {theta.min():g} of population '{population.name}' is below 0; give "
            "'every_step'"
        )


def _sums_and_fires_once(population: Population, dt: float, threshold: str) -> bool:
    """Return whether a neuron is silent at its threshold, fires once above it, and has no leak."""
    neuron, size = population.neuron, population.size
    if not neuron.fires_once:
        return False
    theta = torch.as_tensor(np.array(neuron.parameters[threshold]), dtype=torch.float64)
    theta = theta.expand(size) if theta.ndim == 0 else theta.reshape(size)
    twin = PopulationTwin(neuron, (size,), dt, dtype=torch.float64)
    start = torch.as_tensor(initial_potential(population)).expand(size)
    # If a potential does not start at 0, rounding must not carry it past the threshold.
    almost = theta - start - 1e-9 * (start != 0)
    x = torch.stack([almost, theta * 0 + 0.5, theta * 0, 1 + theta.abs()]).unsqueeze(1)
    v = neuron.require_potential(f"population '{population.name}'")
    ran = twin.run(x, record=(v,))
    assert ran.spikes is not None
    silent, once = torch.zeros_like(theta), torch.ones_like(theta)
    expected = torch.stack([silent, once, silent, silent])
    kept = torch.allclose(ran.traces[v][2, 0], theta + 0.5)
    return kept and torch.equal(ran.spikes[:, 0], expected)
