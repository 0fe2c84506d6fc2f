"""The leak correction of `leaky_backprop` matters at a strong leak only."""

import math

import pytest
import torch
from brian2 import ms
from leaky_networks import make

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Bernoulli
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import LeakyBackprop
from brianbridge.training import train
from brianbridge.twin.network import to_torch


def tau_of(leak):
    return -1 / math.log(leak) * ms


@pytest.mark.parametrize("shape", ["dense", "conv"])
@pytest.mark.parametrize("credit", ["windowed", "count"])
@pytest.mark.parametrize(
    ("leak", "least", "most"), [(0.99, 0.0, 0.03), (0.8, 0.1, 0.3), (0.5, 0.15, 0.5)]
)
def test_the_correction_matters_at_a_strong_leak_only(leak, least, most, credit, shape):
    twin, inputs, labels = make(shape, encoding="bernoulli", seed=7, tau=tau_of(leak))
    found = []
    for correction in (True, False):
        twin.zero_grad()
        rule = LeakyBackprop(credit=credit, correction=correction)
        rule.loss(rule.respond(twin, *inputs).output, labels).backward()
        found.append([p.weight.grad for p in twin.projections.values() if p.weight.requires_grad])
    (first, *_, last), (plain_first, *_, plain_last) = found
    assert least <= (first - plain_first).norm() / plain_first.norm() < most
    assert torch.equal(last, plain_last), "that of the output has no derivative of a spike"
    if leak == 0.5:  # it is more than another learning rate
        cosine = (first * plain_first).sum() / first.norm() / plain_first.norm()
        assert cosine < 1 - 1e-3


@pytest.mark.slow
def test_with_a_strong_leak_both_learn_digits_to_other_weights():
    # Not to another accuracy: of two seeds each, none was better by more than seeds differ.
    split = load_dataset("digits", seed=1)
    lif = neuron_model("lif_zero", tau=tau_of(0.8))
    weights = []
    for correction in (True, False):
        net = SpikingNetwork.sequential(
            (8, 8), [Dense(units, lif, bias=False) for units in (60, 30, 10)],
            encoding=Bernoulli(15), readout="potential", seed=1, weight_gain=3.0,
        )  # fmt: skip
        twin = to_torch(net)
        rule = LeakyBackprop(credit="count", correction=correction)
        result = train(twin, split.train, rule, seed=1, epochs=5, batch_size=32, learning_rate=2e-3)
        loss = result.curve["train_loss"]
        assert loss[-1] < 0.6 * loss[0]
        assert (twin(split.test.x).argmax(1).numpy() == split.test.y).mean() > 0.75
        start = torch.as_tensor(net.projections[0].weight)
        weights.append(twin.projections["input_to_hidden1"].weight.detach() - start)
    assert (weights[0] - weights[1]).norm() > 0.1 * weights[1].norm()
