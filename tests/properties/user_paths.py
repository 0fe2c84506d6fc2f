"""Run a user's network on all paths and in the user's own run, and compare every spike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from brian2 import Network, PoissonGroup, SpikeMonitor
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from user_networks import UserNetwork

import brianbridge as bb
from brianbridge.network.samples import checked_samples
from brianbridge.simulation.random.code_objects import Presentation, draw_by_counter

__all__ = ["compare_paths", "own_run"]

SEED = 5


def compare_paths(mine: UserNetwork, number: int) -> bb.Recording:
    """Check that all spikes are equal; return those of the reference path.

    The user's own run is that of sample `number`. It draws what the other paths draw.
    """
    net = mine.read()
    x = checked_samples(net, mine.x)
    wanted = bb.simulate(net, x, seed=SEED, backend=bb.Backend(path="reference"))
    found = {"twin": bb.to_torch(net, dtype=torch.float64).record(x, seed=SEED)}
    if not net.modelled:
        found["batched path"] = bb.simulate(net, x, seed=SEED, backend=bb.Backend(path="batched"))
    for what, recording in found.items():
        check_equal(what, recording.spikes, wanted.spikes)
    raster = net.encoding.encode(x[number : number + 1], np.array([number])).raster[:, 0]
    own = own_run(mine, sources_of(net, raster), number)
    check_equal("own run", own, {name: one[:, number] for name, one in wanted.spikes.items()})
    return wanted


def check_equal(
    what: str, found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]
) -> None:
    """Fail with the first spike that differs, of all populations."""
    assert set(found) == set(wanted)
    places = []
    for name in wanted:
        differing = np.argwhere(found[name] != wanted[name])
        if len(differing):
            places.append((differing[0].tolist(), name, len(differing)))
    assert not places, f"{what}: differing spikes, (step, sample, neuron): {sorted(places)}"


def sources_of(net: bb.SpikingNetwork, raster: np.ndarray) -> dict[str, np.ndarray]:
    """Return the spikes ``(steps, neurons)`` of each source, of the raster of the whole input."""
    ends = np.cumsum([part.neurons for part in net.encoding.parts])
    parts = np.split(raster, ends[:-1], axis=1)
    return {part.name: one for part, one in zip(net.encoding.parts, parts, strict=True)}


def own_run(
    mine: UserNetwork, spikes: Mapping[str, np.ndarray], number: int
) -> dict[str, np.ndarray]:
    """Run the user's objects; return rasters ``(steps, neurons)`` of the groups.

    Poisson sources emit given spikes. Neurons draw the random numbers of sample `number`.
    """
    clock = mine.groups[0].clock
    now = Presentation(clock, mine.steps)
    now.begin(np.array([number]), 1)
    draw_by_counter({group.name: group for group in mine.groups}, SEED, 1, now)
    for source in mine.sources:
        part = source.thresholder["spike"] if isinstance(source, PoissonGroup) else source
        part.codeobj_class = _replay(spikes[source.name], now)
    monitors = [SpikeMonitor(group) for group in mine.groups]
    Network(*mine.objects, *monitors).run(mine.steps * clock.dt)
    rasters = {}
    for group, monitor in zip(mine.groups, monitors, strict=True):
        rasters[group.name] = raster = np.zeros((mine.steps, len(group)))
        raster[np.rint(np.asarray(monitor.t_[:]) / float(clock.dt)).astype(int), monitor.i[:]] += 1
    return rasters


def _replay(spikes: np.ndarray, now: Presentation) -> type[NumpyCodeObject]:
    """Return a class of code objects of a Poisson source that emits spikes ``(steps, neurons)``."""

    class Replay(NumpyCodeObject):
        def variables_to_namespace(self) -> None:
            super().variables_to_namespace()
            # A neuron of a Poisson group fires if the number is small, rand() < rates*dt.
            self.namespace["rand"] = lambda _: 1 - spikes[now.step]
            for name in self.variables:
                if name.startswith("poissoninput_binomial"):
                    self.namespace[name] = lambda _: spikes[now.step]

    return Replay
