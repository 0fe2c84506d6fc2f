"""The twin of a circuit with many sets of values at once: each sample of a batch has its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.fitting.learned_values import LearnedValues
from brianbridge.network import Projection, SpikingNetwork
from brianbridge.network.samples import checked_samples
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.noise import Noise
from brianbridge.twin.projections import ProjectionTwin
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["SetsTwin"]


class SetsTwin(NetworkTwin):
    """Run a circuit in double precision, with learned values that differ between samples.

    Parameters
    ----------
    network : SpikingNetwork
        The circuit, whose input takes no data.
    learned : LearnedValues
        What is learned.
    seed : int
        Seed of random numbers, which are the same for all sets.

    Notes
    -----
    The slope of a spike falls with the step (`SpikeFunction.of_step`). Gradients of the spike
    counts of two neurons in a loop were then near the differences that Brian2 shows.

    Raises
    ------
    InputError
        If a value has no gradient, or nothing depends on it, or the input takes data.
    """

    def __init__(self, network: SpikingNetwork, learned: LearnedValues, seed: int) -> None:
        sample = checked_samples(network, None)
        ranges = learned.ranges
        middle = learned.set_in(network, ranges.values(np.full(len(ranges.names), 0.5)))
        super().__init__(
            middle, dtype=torch.float64, learn=learned.parameters,
            spike_function=SpikeFunction.of_step(network.dt),
        )  # fmt: skip
        self._places, self._seed = learned.places, seed
        self.learned = nn.ModuleDict({name: _Values(self._axes(name)) for name in self.learn})
        for place in self._places:
            if place.is_weight:
                self.projections[place.owner] = self._unit_weights(place.owner)
        self.requires_grad_(requires_grad=False)
        self.eval()
        self._encoded = self.encode(sample, np.zeros(1, dtype=np.int64))

    def run_sets(
        self, values: Tensor, record: Sequence[tuple[str, str]]
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Run all sets side by side.

        Parameters
        ----------
        values : Tensor, shape (sets, values)
            The values in SI units, in the order of the places.
        record : sequence of tuple of str
            Populations and their variables.

        Returns
        -------
        traces : list of Tensor, shape (sets, neurons, times)
            What was recorded, at the beginning of each step as by a `StateMonitor`.
        spikes : dict of str to Tensor, shape (sets, neurons, times)
            The spikes of each population that fires.
        """
        for place, one in zip(self._places, values.unbind(1), strict=True):
            if place.is_weight:
                cast(_SetWeights, self.projections[place.owner]).each = place.factor * one
            else:
                cast(_Values, self.learned[place.owner]).put(place.name, one)
        sets = len(values)
        current, raster = self._encoded
        current = None if current is None else current.expand(sets, *current.shape[1:])
        if raster is not None:
            raster = raster.expand(raster.shape[0], sets, *raster.shape[2:])
        noise = Noise(self._seed, np.zeros(sets, dtype=np.int64))
        found = self.run(current, raster, list({name: None for _, name in record}), noise)
        traces = []
        for population, name in record:
            start = self.present(population, None, sets, noise)[name]
            over_time = torch.cat([start[None], found.traces[population][name][:-1]])
            traces.append(_rows_first(over_time))
        return traces, {name: _rows_first(one) for name, one in found.spikes.items()}

    def _axes(self, owner: str) -> int:
        """Return the number of axes of an owner's values besides that of the sets."""
        modelled = [p.name for p in self.network.modelled]
        return 1 if owner in modelled else len(self.network.population(owner).shape)

    def _unit_weights(self, name: str) -> _SetWeights:
        network = self.network
        one = next(p for p in network.projections if p.name == name)
        ends = network.shape_of(one.source), network.shape_of(one.target)
        return _SetWeights(one, *ends, dt=network.dt)


def _rows_first(values: Tensor) -> Tensor:
    """Return (times, sets, *shape) as (sets, neurons, times)."""
    return values.flatten(2).permute(1, 2, 0)


class _Values(nn.Module):
    """Hold the present values of one owner, in a shape that fits ``(batch, *shape)``."""

    def __init__(self, axes: int) -> None:
        super().__init__()
        self._axes = (1,) * axes
        self._now: dict[str, Tensor] = {}

    def put(self, name: str, values: Tensor) -> None:
        self._now[name] = values.reshape(-1, *self._axes)

    def forward(self) -> dict[str, Tensor]:
        return dict(self._now)


class _SetWeights(ProjectionTwin):
    """Deliver spikes with a weight for each sample, the same for all synapses."""

    each: Tensor

    def __init__(
        self, projection: Projection, source: tuple[int, ...], target: tuple[int, ...], dt: float
    ) -> None:
        ones = replace(projection, weight=np.ones_like(projection.weight), sign="any", frozen=True)
        super().__init__(ones, source, target, torch.float64, dt=dt)
        self._has_model = projection.model is not None

    def over_time(
        self, raster: Tensor, later: int, noise: Noise | None = None, first: int = 0
    ) -> Tensor:
        return self._times(super().over_time(raster, later, noise, first))

    def arrivals(
        self, later: int, noise: Noise | None = None, first: int = 0
    ) -> Callable[[int, Sequence[Tensor]], Tensor | None]:
        arriving = super().arrivals(later, noise, first)

        def weighted(k: int, emitted: Sequence[Tensor]) -> Tensor | None:
            found = arriving(k, emitted)
            return None if found is None else self._times(found)

        return weighted

    def effective(self) -> tuple[Tensor, Any]:
        if self._has_model:
            return self.each.reshape(-1, 1), self.bias
        return super().effective()

    def _times(self, values: Tensor) -> Tensor:
        return values * self.each.reshape(-1, *(1 for _ in self.target))
