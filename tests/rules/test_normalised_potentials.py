"""`first_spike` with normalised potentials: what is written back is what was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from once_networks import NETWORKS, S4NN, samples

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Latency
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.ladder.verify import verify
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import FirstSpike, learning_rule
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training import train
from brianbridge.twin.network import to_torch

NORMALISED = ("dense", "convolution", "stride and padding", "pooled", "delayed", "grouped")


def normalised(kind, **options):
    """Return a twin with normalised potentials after a few steps of training, and samples."""
    net = NETWORKS[kind](0)
    twin = to_torch(net, dtype=torch.float64, batch_norm="potential", **options)
    x = samples(net, 60)
    data = from_arrays("mine", x, np.arange(60) % net.output.size)
    train(twin, data, "first_spike", epochs=3, learning_rate=0.02, validation_fraction=0.0)
    twin.eval()
    return twin, x


@pytest.mark.parametrize("kind", NORMALISED)
def test_what_is_written_back_is_what_was_trained(kind):
    twin, x = normalised(kind)
    with torch.no_grad():
        trained = FirstSpike().respond(twin, *twin.encode(x))
    back = write_back(twin)
    starts = [np.ptp(p.neuron.initial.get("v", 0.0)) for p in back.populations]
    assert max(starts) > 0.1
    deployed = to_torch(back, dtype=torch.float64)(x)
    torch.testing.assert_close(trained.output, deployed.detach(), rtol=0, atol=1e-9)
    torch.testing.assert_close(twin(x).detach(), deployed.detach(), rtol=0, atol=0)


def test_brian2_agrees_at_any_step_and_the_file_keeps_where_potentials_start(tmp_path):
    twin, x = normalised("convolution", dropout=0.2)
    save_network(write_back(twin), tmp_path / "network.h5")
    net = load_network(tmp_path / "network.h5")
    FirstSpike().check(net)
    data = from_arrays("mine", x, np.arange(60) % 5)
    for rung in verify(net, data).rungs:
        assert rung.spike_mismatches == 0


def test_potentials_are_normalised_over_steps_samples_and_places():
    net = NETWORKS["convolution"](0)
    twin = to_torch(net, dtype=torch.float64, batch_norm="potential")
    weights = twin.projection(net.projections[0].name)
    heard = twin.encode(samples(net))[1].cumsum(0)
    found = weights.normalised_potential(weights(heard))
    torch.testing.assert_close(found.mean((0, 1, 3, 4)), torch.zeros(4).double())
    variance = found.var((0, 1, 3, 4), correction=0)  # eps makes it a little less than 1
    torch.testing.assert_close(variance, torch.ones(4).double(), rtol=0, atol=1e-4)


def test_normalised_potentials_are_for_this_rule_and_neurons_that_fire_once(refused):
    with refused("batch_norm = 'potential'", "'hidden'", "bias = false"):
        to_torch(NETWORKS["a bias"](0), batch_norm="potential")
    lif = SpikingNetwork.sequential((4,), [Dense(3, neuron_model("lif"))], encoding=Latency(4))
    with refused("batch_norm = 'potential'", "'output'", "not 'lif'"):
        to_torch(lif, batch_norm="potential")
    with refused("batch_norm = 'potentials'"):
        to_torch(lif, batch_norm="potentials")
    twin = to_torch(NETWORKS["dense"](0), batch_norm="potential")
    with refused("learning rule 'first_spike'", "twin.eval()"):
        twin(samples(twin.network))
    with refused("batch_norm = 'potential'", "slope = 'unit'"):
        FirstSpike(**S4NN).prepare(twin)
    started, _ = normalised("dense")
    with refused("slope = 'unit'", "'hidden' do not"):
        FirstSpike(**S4NN).check(write_back(started))


def test_an_option_of_an_earlier_version_is_known_by_its_present_name():
    assert learning_rule("first_spike", calibrate=0.5) == FirstSpike(initial_potential=0.5)
