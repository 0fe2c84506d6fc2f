"""Forward pass of first spikes from the potentials of all steps; see `cumulative_spikes`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.rules.layerwise import initial_potential, parameter_tensor
from brianbridge.rules.single_spike.cumulative_spikes import cumulative_spikes, threshold_scale
from brianbridge.rules.single_spike.first_crossing import FirstCrossing
from brianbridge.rules.single_spike.initial_weights import set_initial_weights
from brianbridge.rules.single_spike.max_pooling import fires_with_first_input
from brianbridge.twin.constants import constant_tensor
from brianbridge.twin.delays import shifted
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.noise import Noise
from brianbridge.twin.received import total

__all__ = ["forward_every_step", "initialize_every_step"]


def forward_every_step(
    twin: NetworkTwin, raster: Tensor, threshold: str, width: float
) -> tuple[dict[str, FirstCrossing], Tensor]:
    """Return the first crossings of all populations, with a gradient in every step.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    raster : Tensor, shape (T, batch, *input_shape)
        Input spikes.
    threshold : str
        The parameter of the neuron models that holds the threshold.
    width : float
        As in `cumulative_spikes`.

    Returns
    -------
    crossings : dict of str to FirstCrossing
        First crossings by population.
    above : Tensor, shape (T, batch, *shape)
        Potentials of the output minus its threshold in each step, in units of the threshold.
    """
    network = twin.network
    sources = {INPUT: raster.cumsum(0)}
    fails = any(p.failure is not None for p in network.projections)
    noise = Noise.fresh(raster.shape[1], twin.part) if fails else None
    crossings = {}
    for population in network.layers:
        name = population.name
        potential = _potential(twin, population, sources, noise)
        theta = parameter_tensor(twin, name, threshold, potential[0])
        fired, steps_fired = _cumulative_spikes(network, name, potential, theta, width)
        times = network.steps - steps_fired
        at = times.detach().clamp(max=network.steps - 1).long().unsqueeze(0)
        crossings[name] = FirstCrossing(times, potential.detach().gather(0, at)[0])
        mask = twin.mask(name, raster.shape[1])
        sources[name] = fired if mask is None else fired * mask
    return crossings, (potential - theta) / threshold_scale(theta)


def initialize_every_step(
    twin: NetworkTwin, raster: Tensor, threshold: str, width: float, spread: float
) -> None:
    """Set initial weights layer by layer, so that neurons fire on a first batch.

    Parameters
    ----------
    twin, raster, threshold, width
        As in `forward_every_step`.
    spread : float
        As in `brianbridge.rules.single_spike.initial_weights.scale_potentials`.
    """
    network, sources = twin.network, {INPUT: raster.cumsum(0)}
    middle = (network.steps - 1) // 2
    with torch.no_grad():
        for population in network.layers:
            name = population.name
            potential = _potential(twin, population, sources)
            theta = parameter_tensor(twin, name, threshold, potential[0])
            received = sources[network.incoming(name)[0].source][middle]
            set_initial_weights(twin, population, potential[middle], theta, received, spread)
            potential = _potential(twin, population, sources)
            sources[name], _ = _cumulative_spikes(network, name, potential, theta, width)


def _cumulative_spikes(
    network: SpikingNetwork, name: str, potential: Tensor, theta: Tensor, width: float
) -> tuple[Tensor, Tensor]:
    """Return whether neurons have fired by each step, and the sum over all steps."""
    if all(fires_with_first_input(p, theta) for p in network.incoming(name)):
        # Potentials are numbers of spikes. A threshold of 0.5 is equally far from 0 and 1.
        potential = potential - 0.5
    return cumulative_spikes(potential, theta, width)


def _potential(
    twin: NetworkTwin,
    population: Population,
    sources: Mapping[str, Tensor],
    noise: Noise | None = None,
) -> Tensor:
    """Return potentials ``(T, batch, *shape)`` from the cumulative spikes of their sources.

    Where spikes may fail to arrive, `noise` decides which do; without it, all count for what
    arrives on average.
    """
    network, parts = twin.network, []
    for projection in network.incoming(population.name):
        weights, later = twin.projection(projection.name), network.delay_steps(projection)
        fired = sources[projection.source]
        if noise is None or projection.failure is None:
            received = weights(shifted(fired, later))
        else:  # which spikes arrive is drawn for each of them
            spikes = torch.diff(fired, dim=0, prepend=torch.zeros_like(fired[:1]))
            received = weights.over_time(spikes, later, noise).cumsum(0)
        parts.append(weights.normalised_potential(received))
        bias = weights.bias_of_neurons()
        if bias is not None:
            steps = torch.arange(1, network.steps + 1, dtype=bias.dtype, device=bias.device)
            parts.append(steps.reshape(-1, *(1,) * (bias.ndim + 1)) * bias)
    found = total(parts)
    assert found is not None
    initial = initial_potential(population)
    if not np.any(initial):
        return found
    start = constant_tensor(initial, found)
    return found + (start.reshape(population.shape) if start.ndim else start)
