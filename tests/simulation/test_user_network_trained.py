"""A network built by hand in plain Brian2 is trained in torch and runs, trained, in Brian2."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
    seed,
)
from sklearn.datasets import load_digits

import brianbridge as bb

STEPS, TRAINED, TESTED = 20, 600, 30


def by_hand() -> SimpleNamespace:
    """Build 64 pixels, 50 hidden neurons (every second pair connected) and ten classes."""
    defaultclock.dt = 1 * ms
    seed(11)
    tau = 10 * ms
    pixels = SpikeGeneratorGroup(64, [], [] * ms, name="pixels")
    hidden = NeuronGroup(
        50, "dv/dt = -v/tau : 1 (unless refractory)", threshold="v > 1", reset="v = 0",
        refractory=2 * ms, method="exact", namespace={"tau": tau}, name="hidden",
    )  # fmt: skip
    classes = NeuronGroup(
        10, "dv/dt = (g - v)/tau : 1\ndg/dt = -g/(5*ms) : 1", threshold="v > 1", reset="v -= 1",
        method="exact", namespace={"tau": tau}, name="classes",
    )  # fmt: skip
    first = Synapses(pixels, hidden, "w : 1", on_pre="v_post += w", name="first")
    first.connect(p=0.5)
    first.w = "0.15*randn() + 0.05"
    second = Synapses(hidden, classes, "strength : 1", on_pre="g += 2*strength", name="second")
    second.connect()
    second.strength = "0.2*randn()"
    # A loop, for which nothing has to be declared.
    back = Synapses(hidden, hidden, "w : 1", on_pre="v += w", delay=3 * ms, name="back")
    back.connect(condition="i != j", p=0.1)
    back.w = "0.05*randn()"
    counter = SpikeMonitor(classes, name="counter")
    network = Network(pixels, hidden, classes, first, second, back, counter)
    return SimpleNamespace(network=network, pixels=pixels, counter=counter)


def counts_in_brian2(mine: SimpleNamespace, read: bb.SpikingNetwork, x: Any) -> np.ndarray:
    """Present samples one by one in the user's own network; return the spike counts."""
    raster = read.encoding.encode(x, np.arange(len(x))).raster
    mine.network.store()
    counts = []
    for sample in range(len(x)):
        mine.network.restore()
        step, pixel = np.nonzero(raster[:, sample])
        mine.pixels.set_spikes(pixel, step * ms)
        mine.network.run(STEPS * ms)
        counts.append(np.array(mine.counter.count))
    mine.network.restore()
    return np.stack(counts)


def train(twin: bb.twin.NetworkTwin, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """Train as any torch module is trained."""
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    order = np.random.default_rng(0)
    for epoch in range(epochs):
        shuffled = order.permutation(len(x))
        for low in range(0, len(x), 50):
            part = shuffled[low : low + 50]
            output = twin.run(*twin.encode(x[part], part, stream=epoch + 1)).output
            loss = torch.nn.functional.cross_entropy(output, torch.as_tensor(y[part]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def test_it_is_trained_and_its_own_synapses_are_set():
    x, y = load_digits(return_X_y=True)
    x = x / 16
    mine = by_hand()
    read = bb.from_brian2(mine.network, steps=STEPS * ms, input="pixels", output="classes")
    test, labels = x[TRAINED : TRAINED + TESTED], y[TRAINED : TRAINED + TESTED]
    before = counts_in_brian2(mine, read, test)
    twin = bb.to_torch(read, dtype=torch.float64)
    np.testing.assert_array_equal(twin.record(test).output, before)

    train(twin, x[:TRAINED], y[:TRAINED], epochs=5)
    bb.write_back(twin, into=mine.network, rule="by hand")
    after = counts_in_brian2(mine, read, test)

    np.testing.assert_array_equal(twin.record(test).output, after)
    accuracy = [(counts.argmax(1) == labels).mean() for counts in (before, after)]
    assert accuracy[0] < 0.35
    assert accuracy[1] > 0.8
