"""Recordings and networks to write down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from network_files import CURVES
from random_recordings import random_recording, same_events

from brianbridge.encoding import Current
from brianbridge.io.networks.file import save_network
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, Recording


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
