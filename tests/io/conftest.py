"""Recordings and networks to write down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from network_files import CURVES
from spike_files import SHAPES

from brianbridge.encoding import Current
from brianbridge.io.networks.file import save_network
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, Recording

STEPS = 50
DT = 1e-4


def random_recording(seed: int, spikes: int, samples: int = 3, dt: float = DT) -> Recording:
    """Return `spikes` spikes a population, in no order, with values of -3..3 but 0."""
    rng = np.random.default_rng(seed)

    def events(neurons: int) -> Events:
        cells = rng.permutation(samples * neurons * STEPS)[:spikes]
        sample, node, step = np.unravel_index(cells, (samples, neurons, STEPS))
        value = rng.choice([-3.0, -1.0, 1.0, 3.0], len(cells))
        return Events(sample, node, step, value, dt)

    all_events = {name: events(int(np.prod(shape))) for name, shape in SHAPES.items()}
    return Recording(dt, STEPS, samples, SHAPES, all_events, np.zeros((samples, 10)))


def same_events(a: Events, b: Events) -> bool:
    """Compare to the last bit, order included."""
    columns = ("sample", "node", "step", "value")
    return a.dt == b.dt and all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns)


@pytest.fixture
def recording() -> Callable[..., Recording]:
    return random_recording


@pytest.fixture
def same() -> Callable[[Events, Events], bool]:
    return same_events


@pytest.fixture(scope="session")
def network() -> SpikingNetwork:
    lif = neuron_model("lif")
    layers = [Dense(5, lif), Dense(2, lif, bias=False)]
    network = SpikingNetwork.sequential((2, 2), layers, encoding=Current(steps=10))
    return network.with_weights({}, rule="spike_count", seed=1, training_curve=CURVES)


@pytest.fixture
def saved(network: SpikingNetwork, path: Path) -> Path:
    save_network(network, path)
    return path
