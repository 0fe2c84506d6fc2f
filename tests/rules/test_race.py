"""The race between outputs: chances against their definition, and its limit, the first spike."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from brianbridge.encoding import Latency
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.network.readouts.first_spike import first_spike_output
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import FirstSpike
from brianbridge.rules.single_spike.race import log_probability_of_first
from brianbridge.twin.network import to_torch


def chances_by_hand(above):
    """Return the chances of one sample, ``(classes + 1,)`` of ``(T, classes)``, as defined."""
    chances, waited = np.zeros(above.shape[1] + 1), 1.0
    for potentials in above:
        weights = [math.exp(u) for u in potentials]
        for j, weight in enumerate(weights):
            chances[j] += waited * weight / (1 + sum(weights))
        waited /= 1 + sum(weights)
    chances[-1] = waited
    return chances


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_chances_by_their_definition(steps):
    above = np.random.default_rng(steps).normal(0, 3, (steps, 5, 4))
    found = log_probability_of_first(torch.as_tensor(above)).exp().numpy()
    expected = np.stack([chances_by_hand(above[:, b]) for b in range(5)])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.sum(1), 1, rtol=0, atol=1e-14)


def test_potentials_far_from_the_threshold_overflow_nothing():
    above = torch.tensor([1e4, -1e4]).reshape(2, 1, 1).expand(2, 1, 3).clone().requires_grad_()
    chances = log_probability_of_first(above)
    chances[0, 0].backward()
    expected = torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0]])
    torch.testing.assert_close(chances.detach().exp(), expected)
    assert torch.isfinite(above.grad).all()


def test_a_hard_race_is_won_by_the_first_spike():
    potential = torch.as_tensor(np.random.default_rng(3).normal(0.2, 0.5, (6, 200, 4)))
    fired = (potential > 1).double().cummax(0).values
    first = 6 - fired.sum(0)
    at = first.clamp(max=5).long()
    v_at = potential.gather(0, at.unsqueeze(0))[0]
    output = first_spike_output(first, v_at, potential[-1], steps=6)
    chances = log_probability_of_first((potential - 1) / 1e-6).exp()
    silent = first.amin(1) == 6
    assert torch.equal(chances.argmax(1), torch.where(silent, 4, output.argmax(1)))
    assert 0.1 < silent.double().mean() < 0.9, "some are undecided"


def test_the_loss_is_that_of_the_race_with_the_gradient_of_thresholds():
    """The rule of a single layer, whose potentials are linear in the weights."""
    model = neuron_model("single_spike_if", theta=2.0)
    net = SpikingNetwork.sequential(
        (6,), [Dense(3, model, bias=False)], encoding=Latency(5), readout="first_spike",
        weight_gain=4.0, seed=1,
    )  # fmt: skip
    twin = to_torch(net, dtype=torch.float64)
    _, raster = twin.encode(np.random.default_rng(2).random((8, 6)))
    labels, rule = torch.arange(8) % 3, FirstSpike(softness=0.3)
    response = rule.respond(twin, None, raster)
    rule.loss(response.loss_input, labels).backward()
    weight = twin.projection(net.projections[0].name).weight
    found, weight.grad = weight.grad, None
    potential = torch.stack([raster[: k + 1].sum(0) @ weight.T for k in range(5)])
    above = (potential - 2) / (0.3 * 2)
    cross_entropy(log_probability_of_first(above), labels).backward()
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(found, weight.grad, atol=1e-12, rtol=0)
