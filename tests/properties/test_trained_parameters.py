"""Twin = Brian2, spike for spike, for random networks whose neuron parameters were trained.

One network of every model is trained here for a few steps, with one value for a population or one
for each neuron. Under ``-m slow`` the networks are larger: 10 million neuron-steps in all.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import torch
from random_networks import Case

from brianbridge.bench.parity.neurons import MODELS
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.simulation.simulate import simulate
from brianbridge.training import natural_units
from brianbridge.twin.learn import Learn
from brianbridge.twin.network import NetworkTwin, to_torch

SMALL = {"hidden": 5, "outputs": 3, "samples": 3, "steps": 20}
LARGE = {"hidden": 60, "outputs": 40, "samples": 20, "steps": 200}


def case_of(model: str, seed: int, **sizes: Any) -> Case:
    return Case(
        model=model, output_model=model, encoding=("bernoulli", "current")[seed % 2],
        readout="counts", inputs=4, dt=5e-4, bias=True, skip=False, per_neuron=seed % 3 == 0,
        seed=seed, **sizes,
    )  # fmt: skip


def learnable(network: SpikingNetwork, rng: np.random.Generator) -> dict[str, list[Learn]]:
    """Return all parameters and initial values that can be learned, each with a random `each`."""
    found: dict[str, list[Learn]] = {}
    for population in network.populations:
        chosen = []
        for name in (*population.neuron.parameters, *population.neuron.state_variables):
            each = "neuron" if _differs(population.neuron, name) or rng.random() < 0.5 else None
            one = Learn(name, each=each or "population")
            try:
                to_torch(network, learn={population.name: [one]})
            except InputError:
                continue
            chosen.append(one)
        found[population.name] = chosen
    return found


def _differs(model: NeuronModel, name: str) -> bool:
    return np.ndim(model.parameters.get(name, model.initial.get(name, 0.0))) > 0


def trained(case: Case) -> NetworkTwin:
    """Return a twin of which some steps of an optimiser changed all parameters."""
    network = case.network()
    learn = learnable(network, np.random.default_rng(case.seed))
    assert any(learn.values())
    twin = to_torch(network, dtype=torch.float64, learn=learn)
    optimizer = torch.optim.Adam(twin.learned.parameters(), lr=0.05)
    inputs = twin.encode(case.x())
    for _ in range(3):
        optimizer.zero_grad()
        activity = twin.run(*inputs)
        loss = sum(spikes.mean() for spikes in activity.spikes.values()) - activity.output.std()
        loss.backward()
        with natural_units(twin):
            optimizer.step()
    return twin


def assert_parity(case: Case, *paths: str) -> int:
    twin = trained(case)
    network = write_back(twin)
    changed = [
        np.any(si_array(after.neuron.parameters[name]) != si_array(value))
        for before, after in zip(case.network().populations, network.populations, strict=True)
        for name, value in before.neuron.parameters.items()
    ]
    assert any(changed), "training changed a parameter"
    mine = twin.record(case.x(), seed=0)
    number = 0
    for path in paths:
        theirs = simulate(network, case.x(), seed=0, backend=Backend(path=path))
        for name, spikes in mine.spikes.items():
            np.testing.assert_array_equal(spikes, theirs.spikes[name], err_msg=f"{name}, {path}")
            number += spikes.size
    return number


@pytest.mark.parametrize("model", MODELS)
def test_trained_parameters_give_the_same_spikes_on_both_paths(model):
    seed = zlib.crc32(model.encode()) % 1000
    assert_parity(case_of(model, seed, **SMALL), "batched", "reference")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_ten_million_neuron_steps(model):
    number = assert_parity(case_of(model, 7, **LARGE), "batched")
    assert number * len(MODELS) > 1e7
