"""Forward pass of first spikes with a gradient at the spike alone; see `first_crossing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from brianbridge.network import INPUT, Population
from brianbridge.rules.layerwise import parameter_tensor
from brianbridge.rules.single_spike.crossing_by_events import crossing_by_events, has_event_kernel
from brianbridge.rules.single_spike.crossing_by_steps import crossing_by_steps, raster_from_times
from brianbridge.rules.single_spike.first_crossing import FirstCrossing, TimeGradient
from brianbridge.rules.single_spike.max_pooling import earliest_of_windows, fires_with_first_input
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.received import total
from brianbridge.twin.scan import first_steps

__all__ = ["forward_at_spike"]


class _Source(NamedTuple):
    """Spike times of a source, ``(batch, *shape)``, after dropout; and the factor of its spikes."""

    times: Tensor
    scale: float


def forward_at_spike(
    twin: NetworkTwin, raster: Tensor, threshold: str, time_gradient: TimeGradient
) -> dict[str, FirstCrossing]:
    """Return the first crossings of all populations, with the gradient of their times.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    raster : Tensor, shape (T, batch, *input_shape)
        Input spikes.
    threshold : str
        The parameter of the neuron models that holds the threshold.
    time_gradient : TimeGradient
        How times depend on potentials.
    """
    network = twin.network
    sources = {INPUT: _Source(first_steps(raster), 1.0)}
    crossings = {}
    for population in network.layers:
        name = population.name
        found = crossings[name] = _crossing(twin, population, sources, threshold, time_gradient)
        mask = twin.mask(name, len(found.times))
        if mask is None:
            sources[name] = _Source(found.times, 1.0)
        else:
            times = torch.where(mask > 0, found.times, network.steps)
            sources[name] = _Source(times, 1 / (1 - twin.dropout[name]))
    return crossings


def _crossing(
    twin: NetworkTwin,
    population: Population,
    sources: Mapping[str, _Source],
    threshold: str,
    time_gradient: TimeGradient,
) -> FirstCrossing:
    """Return the first crossings of one population, in the fastest way that it allows."""
    network, name = twin.network, population.name
    like = next(iter(sources.values())).times.new_zeros((1, *population.shape))
    theta = parameter_tensor(twin, name, threshold, like)
    x: list[Tensor | None] = []
    incoming = network.incoming(name)
    for projection in incoming:
        weights, (times, scale) = twin.projection(projection.name), sources[projection.source]
        if delay := network.delay_steps(projection):
            times = (times + delay).clamp(max=network.steps)
        if len(incoming) == 1:
            if projection.pool is not None and fires_with_first_input(projection, theta):
                earliest = earliest_of_windows(projection.pool, times)
                return FirstCrossing(earliest.reshape(-1, *population.shape), like)
            if has_event_kernel(projection, times.device):
                return crossing_by_events(
                    times, weights, projection, theta, time_gradient, network.steps, scale
                )
        x += [
            scale * weights(raster_from_times(times, network.steps)),
            weights.bias_of_neurons(),
        ]
    found = total(x)
    assert found is not None
    return crossing_by_steps(found, theta, time_gradient)
