"""Weights that are standardised in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import Conv2d, Dense, Recurrent, SpikingNetwork

LIF = bb.neuron_model("lif")


def network(layers=None):
    layers = layers or [Conv2d(4, 3, LIF), Dense(6, LIF), Dense(3, bb.neuron_model("if"))]
    return SpikingNetwork.sequential(
        (1, 6, 6), layers, encoding=Current(5), readout="potential", seed=2
    )


def test_each_channel_has_mean_zero_and_keeps_its_deviation():
    net = network()
    twin = bb.to_torch(net, batch_norm="weights", dtype=torch.float64)
    for projection in net.projections[:-1]:
        found = twin.projection(projection.name).effective()[0].detach().numpy()
        flat = found.reshape(len(found), -1)
        np.testing.assert_allclose(flat.mean(1), 0, atol=1e-12)
        before = projection.weight.reshape(len(found), -1).std(1)
        np.testing.assert_allclose(flat.std(1), before, rtol=1e-3)
    last = net.projections[-1]  # what does not fire is left alone
    np.testing.assert_array_equal(twin.projection(last.name).effective()[0].detach(), last.weight)


def test_training_and_evaluation_are_the_same_and_so_is_what_is_written_back():
    twin = bb.to_torch(network(), batch_norm="weights", dtype=torch.float64)
    x = np.random.default_rng(0).random((7, 1, 6, 6))
    written = bb.to_torch(twin.to_network(), dtype=torch.float64)(x)
    torch.testing.assert_close(twin.train()(x), written)
    torch.testing.assert_close(twin.eval()(x), written)


def test_the_gradient_is_that_of_the_definition():
    weight = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    module = bb.to_torch(network(), batch_norm="weights", dtype=torch.float64).projection(
        "input_to_conv1"
    )
    standardised = type(module.standardised)(weight)
    assert torch.autograd.gradcheck(standardised, (weight,))


@pytest.mark.parametrize("rule", ["surrogate_gradient", "ottt", "spike_count"])
def test_rules_train_and_write_back(rule):
    digits = bb.load_dataset("digits")
    net = SpikingNetwork.sequential(
        (8, 8), [Dense(32, LIF), Dense(10, bb.neuron_model("if"))],
        encoding=Current(6), readout="potential", seed=1,
    )  # fmt: skip
    twin = bb.to_torch(net, batch_norm="weights")
    result = bb.train(twin, digits.train, rule, epochs=8, learning_rate=5e-3, seed=1)
    assert result.curve["train_accuracy"][-1] > 0.85
    found = bb.simulate(twin.to_network(), digits.test.x).output.argmax(1)
    assert (found == digits.test.y).mean() > 0.85


def test_loops_are_standardised_too():
    layers = [Dense(5, LIF), Recurrent(), Dense(3, bb.neuron_model("if"))]
    twin = bb.to_torch(network(layers), batch_norm="weights")
    assert sum(twin.projection(name).standardised is not None for name in twin.projections) == 2


def test_weights_of_one_sign_are_refused():
    net = network()
    first = replace(net.projections[0], weight=np.abs(net.projections[0].weight), sign="positive")
    net = replace(net, projections=(first, *net.projections[1:]))
    with pytest.raises(InputError, match="sign = 'positive'"):
        bb.to_torch(net, batch_norm="weights")
