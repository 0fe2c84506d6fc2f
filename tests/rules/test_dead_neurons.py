"""Neurons that hardly fire get the weights of others, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.datasets import from_arrays, load_dataset
from brianbridge.encoding import Latency
from brianbridge.errors import InputError
from brianbridge.network import (
    Conv2d,
    Dense,
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
    TransposedConvolution,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import FirstSpike
from brianbridge.rules.single_spike.dead_neurons import count_samples, replace_dead_neurons
from brianbridge.training import train
from brianbridge.training.checkpoint import write_checkpoint
from brianbridge.twin.network import to_torch

ONCE = neuron_model("single_spike_if")


def twin_of(layers, shape):
    net = SpikingNetwork.sequential(
        shape, layers, encoding=Latency(6), readout="first_spike", seed=1
    )
    return to_torch(net, dtype=torch.float64)


def weights_of(twin):
    return {
        p.name: twin.projection(p.name).weight.detach().clone() for p in twin.network.projections
    }


def test_a_dead_neuron_gets_the_weights_of_a_live_one_in_another_order():
    twin = twin_of([Dense(4, ONCE), Dense(3, ONCE)], (20,))
    before = weights_of(twin)
    bias = twin.projection("input_to_hidden").bias.data
    bias.copy_(torch.arange(4.0))
    fired = torch.ones(100, 4)
    fired[:, 1] = 0
    fired[1:, 2] = 0  # in a hundredth of the samples
    for part in fired.split(30):
        count_samples(twin, "hidden", part)
    assert replace_dead_neurons(twin, 0.01) == {"hidden": 1}
    after = weights_of(twin)
    assert torch.equal(after["hidden_to_output"], before["hidden_to_output"])
    old, new = before["input_to_hidden"], after["input_to_hidden"]
    assert torch.equal(new[[0, 2, 3]], old[[0, 2, 3]])
    (model,) = [j for j in (0, 2, 3) if torch.equal(new[1].sort().values, old[j].sort().values)]
    assert not torch.equal(new[1], old[model])
    assert bias.tolist() == [0, model, 2, 3]
    assert replace_dead_neurons(twin, 0.01) == {}, "what was noted is forgotten"


def test_channels_are_revived_together():
    twin = twin_of([Conv2d(3, 3, ONCE, bias=False), Dense(3, ONCE)], (1, 6, 6))
    fired = torch.zeros(10, 3, 4, 4)
    fired[:, 0, 2, 1] = 1  # one place is enough
    count_samples(twin, "conv1", fired)
    before = weights_of(twin)
    assert replace_dead_neurons(twin, 0.001) == {"conv1": 2}
    old, new = before["input_to_conv1"], weights_of(twin)["input_to_conv1"]
    for channel in (1, 2):
        assert torch.equal(new[channel].flatten().sort().values, old[0].flatten().sort().values)


SPARSE = Sparse(np.arange(5)[::-1].copy(), np.array([0, 0, 1, 2, 3]))


@pytest.mark.parametrize(
    ("shape", "hidden", "weight", "connection"),
    [
        # Neuron 4 has no synapse; the synapse at its place is that of another.
        ((5,), (5,), np.arange(1.0, 6.0), SPARSE),
        # Kernels are those of a source channel.
        ((5, 2, 2), (5, 3, 3), np.arange(100.0).reshape(5, 5, 2, 2), TransposedConvolution()),
    ],
    ids=["sparse", "transposed"],
)
def test_only_rows_that_are_a_neurons_weights_are_drawn_anew(shape, hidden, weight, connection):
    net = SpikingNetwork(
        shape,
        Latency(8),
        (Population("hidden", hidden, ONCE), Population("output", (3,), ONCE)),
        (
            Projection("input", "hidden", weight, None, connection),
            Projection("hidden", "output", np.ones((3, int(np.prod(hidden)))), None),
        ),
        "first_spike",
    )
    twin = to_torch(net, dtype=torch.float64)
    fired = torch.ones(10, *hidden)
    fired[:, 4] = 0
    count_samples(twin, "hidden", fired)
    assert replace_dead_neurons(twin, 0.5) == {}
    np.testing.assert_array_equal(twin.projection("input_to_hidden").weight.detach(), weight)


def test_nothing_is_left_over_from_a_training_before():
    twin = twin_of([Dense(4, ONCE), Dense(3, ONCE)], (20,))
    count_samples(twin, "hidden", torch.zeros(10, 4))
    FirstSpike().prepare(twin)
    assert replace_dead_neurons(twin, 0.5) == {}


def test_where_none_fires_there_is_nothing_to_copy():
    twin = twin_of([Dense(4, ONCE), Dense(3, ONCE)], (20,))
    count_samples(twin, "hidden", torch.zeros(10, 4))
    assert replace_dead_neurons(twin, 0.5) == {}


@pytest.mark.parametrize("revive", [0.0, 0.001])
def test_training_brings_silent_neurons_back(revive):
    """All weights of a neuron far below 0: no gradient reaches it."""
    split = load_dataset("digits", seed=1)
    twin = twin_of([Dense(20, ONCE, bias=False), Dense(10, ONCE, bias=False)], (8, 8))
    twin.projection("input_to_hidden").weight.data[3] = -5.0
    options = {"epochs": 3, "batch_size": 64, "validation_fraction": 0}
    train(twin, split.train, FirstSpike(revive=revive, initial_potential=0), seed=1, **options)
    counts = twin.run(*twin.encode(split.train.x)).spikes["hidden"].sum(0)
    assert bool(counts[:, 3].any()) == bool(revive)


def test_it_resumes_to_the_same_weights(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    data = from_arrays("noise", random.random((60, 20)), random.integers(0, 3, 60))

    def trained(checkpoint=None):
        twin = twin_of([Dense(12, ONCE), Dense(3, ONCE)], (20,))
        options = {"epochs": 4, "batch_size": 16, "validation_fraction": 0}
        train(twin, data, FirstSpike(revive=0.3), seed=1, checkpoint=checkpoint, **options)
        return weights_of(twin)

    def write_and_die(path, state):
        write_checkpoint(path, state)
        if state["epoch"] == 2:
            raise KeyboardInterrupt

    whole, path = trained(), tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        patch.setattr("brianbridge.training.loop.write_checkpoint", write_and_die)
        with pytest.raises(KeyboardInterrupt):
            trained(path)
    for name, values in trained(path).items():
        assert torch.equal(values, whole[name])


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(InputError, match=f"revive = {share}; give a share"):
        FirstSpike(revive=share)
