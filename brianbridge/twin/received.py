"""What populations receive: the weighted spikes of all steps, and constant input."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.noise import Noise
from brianbridge.twin.projections import ProjectionTwin

__all__ = [
    "add", "batch_of", "constant_input", "inputs_of", "masked", "over_time", "steps_of", "total",
]  # fmt: skip


def batch_of(current: Tensor | None, raster: Tensor | None) -> int:
    """Return the number of samples of an encoded batch."""
    if raster is not None:
        return raster.shape[1]
    assert current is not None, "give a current or a raster"
    return len(current)


def steps_of(twin: NetworkModules, raster: Tensor | None, steps: int | None) -> int:
    """Return the number of steps: those of a raster, those that are given, or the network's."""
    if raster is not None:
        return len(raster)
    return twin.network.steps if steps is None else steps


def over_time(
    weights: ProjectionTwin,
    later: int,
    spikes: Tensor,
    before: Tensor | None,
    noise: Noise | None = None,
    first: int = 0,
) -> Tensor:
    """Return the weighted spikes of all steps, and of those steps before that arrive now."""
    if before is None or not len(before):
        # Backward, a slice of all steps would copy them, and lose the order of images in memory.
        return weights.over_time(spikes, later, noise, first)
    known, spikes = len(before), torch.cat([before, spikes])
    return weights.over_time(spikes, later, noise, first - known)[known:]


def inputs_of(
    twin: NetworkModules,
    name: str,
    sources: Mapping[str, Tensor],
    current: Tensor | None,
    earlier: Mapping[str, Tensor] = MappingProxyType({}),
    noise: Noise | None = None,
    first: int = 0,
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Return the input of a population during a presentation.

    Parameters
    ----------
    twin : NetworkModules
        The twin, without loops.
    name : str
        The population.
    sources : mapping of str to Tensor, shape (T, batch, *shape)
        Spikes of the populations before it, and of the input if it has spikes.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    earlier : mapping of str to Tensor, shape (steps, batch, *shape)
        Spikes of the steps before, by population.
    noise : Noise, optional
        Decides which spikes fail to arrive, if some do.
    first : int
        The first step, since the presentation began.

    Returns
    -------
    x : dict of str to Tensor, shape (T, batch, *shape)
        Weighted spikes, by the variable that they add to.
    constant : Tensor or None, shape (batch, *shape) or (*shape)
        Constant input in every step.
    """
    network = twin.network
    if noise is None and any(p.failure is not None for p in network.incoming(name)):
        noise = Noise.fresh(next(iter(sources.values())).shape[1], twin.part)
    x: dict[str, Tensor] = {}
    constants: list[Tensor | None] = []
    for projection in network.incoming(name):
        weights = twin.projection(projection.name)
        if projection.source == name:  # weighted step by step
            constants.append(weights.bias_of_neurons())
        elif network.delivers_spikes(projection):
            steps = network.delay_steps(projection)
            spikes, before = sources[projection.source], earlier.get(projection.source)
            weighted = over_time(weights, steps, spikes, before, noise, first)
            weighted, constant = weights.normalised(weighted, over_time=True)
            add(x, network.receive_of(projection), weighted)
            constants.append(constant)
        else:
            assert current is not None, "the input of this network is a current"
            weighted = weights(current)
            weighted, constant = weights.normalised(weighted)
            constants += [constant, weighted]
    return x, total(constants)


def total(constants: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of all tensors that are not None, or None if there is none."""
    found = [c for c in constants if c is not None]
    return functools.reduce(operator.add, found) if found else None


def constant_input(twin: NetworkModules, name: str, current: Tensor | None) -> Tensor | None:
    """Return the sum of a population's biases and of its weighted constant input.

    Parameters
    ----------
    twin : NetworkModules
        The twin.
    name : str
        The population.
    current : Tensor, shape (batch, *input_shape), optional
        The encoded samples, if they are a current.

    Returns
    -------
    Tensor, shape (batch, *shape) or (*shape), or None
    """
    constants = []
    for projection in twin.network.incoming(name):
        weights = twin.projection(projection.name)
        constants.append(weights.bias_of_neurons())
        if projection.source == INPUT and current is not None:
            constants.append(weights(current))
    return total(constants)


def masked(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return spikes without those of silenced neurons."""
    return values if mask is None else values * mask


def add(x: dict[str, Tensor], name: str, values: Tensor) -> None:
    """Add to the input of a variable."""
    x[name] = x[name] + values if name in x else values
