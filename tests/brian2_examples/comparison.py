"""Run an example in the user's `Network`, in the twin and by `simulate`; train it; run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from brian2 import NeuronGroup, SpikeMonitor, StateMonitor, seed
from example import Example

import brianbridge as bb
from brianbridge.network.samples import checked_samples
from brianbridge.simulation.random.code_objects import Presentation, draw_by_counter
from brianbridge.twin.noise import Noise
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["Compared", "Run", "Trained", "read", "run_and_train"]

#: Seed of the random numbers of neurons.
SEED = 1
#: A potential is near its threshold for many steps, and each of them adds to the gradient: the
#: small scale keeps a recurrent network from multiplying it.
SURROGATE = SpikeFunction("triangle", scale=0.01, detach_reset=True)


@dataclass(frozen=True)
class Run:
    """Hold spikes ``(steps, neurons)`` by group, and traces of that shape by group and variable."""

    spikes: Mapping[str, np.ndarray]
    traces: Mapping[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Compared:
    """Hold how far twin and `simulate` are from the user's own run."""

    spikes: int | None  # None if no group has a threshold
    differing: int
    largest: float  # difference of a trace, as a part of the largest value of the trace


@dataclass(frozen=True)
class Trained:
    """Hold an example before and after one training step, and the loss of both."""

    before: Compared
    after: Compared
    losses: tuple[float, float]


def read(example: Example, duration: Any) -> bb.SpikingNetwork:
    """Read the network; its input, if it has one, takes spike trains."""
    options: dict[str, Any] = dict(example.read)
    names = _inputs(example)
    if names:
        dt = example.network[names[0]].clock.dt
        frames = bb.Frames(round(float(duration / dt)), dt=dt)
        options["encoding"] = dict.fromkeys(names, frames) if len(names) > 1 else frames
    return bb.from_brian2(example.network, steps=duration, **options)


def run_and_train(example: Example, duration: Any, paths: tuple[str, ...]) -> Trained:
    """Compare all paths, train for one step, set the weights back, and compare again.

    `paths` are the paths through Brian2 that `simulate` takes.
    """
    mine = _Own(example, duration)
    net = read(example, duration)
    twin = bb.to_torch(net, dtype=torch.float64, spike_function=SURROGATE)
    own, x = mine.run(net)
    before = _compare(twin, net, x, own, paths)
    losses = _training_step(example, twin, x)
    trained = bb.write_back(twin, into=example.network)
    own, x = mine.run(net)
    return Trained(before, _compare(twin, trained, x, own, paths), losses)


class _Own:
    """The user's own network, with monitors, which can be run more than once.

    Groups with noise draw the numbers that `simulate` draws with the same seed.
    """

    def __init__(self, example: Example, duration: Any) -> None:
        self.network, self.duration, self.inputs = example.network, duration, _inputs(example)
        given = [self.network[name] for name in self.inputs]
        groups = [
            one for one in self.network.objects if isinstance(one, NeuronGroup) and one not in given
        ]
        self.steps = round(float(duration / groups[0].clock.dt))
        now = Presentation(groups[0].clock, self.steps)
        now.begin(np.zeros(1, np.int64), 1)
        draw_by_counter({group.name: group for group in groups}, SEED, 1, now)
        firing = [group for group in groups if "spike" in group.events]
        self.monitors = {group.name: SpikeMonitor(group) for group in (*firing, *given)}
        self.traces = {
            (group.name, name): StateMonitor(group, name, record=True, when="end")
            for group in groups
            for name in example.traces
            if name in group.variables
        }
        self.network.add(*self.monitors.values(), *self.traces.values())

    def run(self, net: bb.SpikingNetwork) -> tuple[Run, np.ndarray]:
        """Run the network from its start; return what it did, and its input as a sample."""
        self.network.store()
        seed(SEED)  # Poisson groups draw the same spikes in every run
        self.network.run(self.duration)
        rasters = {name: self._raster(monitor) for name, monitor in self.monitors.items()}
        traces = {
            (group, name): np.array(getattr(monitor, f"{name}_")).T
            for (group, name), monitor in self.traces.items()
        }
        self.network.restore()
        given = [rasters.pop(name)[None] for name in self.inputs]
        x = dict(zip(self.inputs, given, strict=True)) if len(given) > 1 else (given or [None])[0]
        return Run(rasters, traces), checked_samples(net, x)

    def _raster(self, monitor: SpikeMonitor) -> np.ndarray:
        group = monitor.source
        raster = np.zeros((self.steps, len(group)))
        step = np.rint(np.asarray(monitor.t_[:]) / float(group.clock.dt)).astype(int)
        raster[step, monitor.i[:]] += 1
        return raster


def _inputs(example: Example) -> list[str]:
    given = example.read.get("input", [])
    return [given] if isinstance(given, str) else list(given)


def _compare(
    twin: bb.twin.NetworkTwin,
    net: bb.SpikingNetwork,
    x: np.ndarray,
    own: Run,
    paths: tuple[str, ...],
) -> Compared:
    """Return how far the twin and the paths of `simulate` are from the user's own run."""
    record = ("spikes", *dict.fromkeys(name for _, name in own.traces))
    found = [twin.record_batch(x, None, record, SEED)]
    for path in paths:
        if path == "batched" and net.modelled:
            continue  # synapses with a model run on the reference path only
        backend = bb.Backend(path=path)
        found.append(bb.simulate(net, x, record=record, seed=SEED, backend=backend))
    differing, largest = 0, 0.0
    for recording in found:
        for name, raster in own.spikes.items():
            differing += int(np.sum(recording.spikes[name][:, 0] != raster))
        for (group, name), wanted in own.traces.items():
            error = np.abs(recording.traces[group][name][:, 0] - wanted).max()
            # Unlike max(), this keeps a NaN.
            largest = float(np.maximum(largest, error / max(np.abs(wanted).max(), 1e-300)))
    spikes = int(sum(raster.sum() for raster in own.spikes.values())) if own.spikes else None
    return Compared(spikes, differing, largest)


def _training_step(example: Example, twin: Any, x: np.ndarray) -> tuple[float, float]:
    """Train for one step of Adam; return the loss before and after."""
    groups = [
        {"params": [weight], "lr": example.change * float(weight.detach().abs().mean())}
        for weight in twin.parameters()
    ]
    optimiser = torch.optim.Adam(groups, eps=1e-30)

    def loss() -> torch.Tensor:
        noise = Noise(SEED, np.arange(1))
        return example.loss(twin.run(*twin.encode(x), record=example.traces, noise=noise))

    before = loss()
    before.backward()  # type: ignore[no-untyped-call]
    for name, weight in twin.named_parameters():
        assert weight.grad is None or weight.grad.isfinite().all(), f"gradient of {name}"
    optimiser.step()
    with torch.no_grad():
        return float(before), float(loss())
