"""Images keep their order in memory through a step of training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from brianbridge.encoding import Bernoulli
from brianbridge.network import AvgPool2d, Conv2d, Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules.base import learning_rule
from brianbridge.twin.network import to_torch

BATCH, STEPS = 16, 2


@pytest.fixture(scope="module")
def encoded():
    fire = neuron_model("if", theta=0.5)
    layers = [
        Conv2d(16, 5, fire, padding=2), AvgPool2d(2),
        Conv2d(24, 5, fire, padding=2), AvgPool2d(2), Dense(40, fire), Dense(10, fire),
    ]  # fmt: skip
    net = SpikingNetwork.sequential((28, 28), layers, encoding=Bernoulli(STEPS, seed=1), seed=1)
    twin = to_torch(net)
    x = np.random.default_rng(0).random((BATCH, 28, 28), np.float32)
    return twin, *twin.encode(x)


@pytest.mark.parametrize("name", ["surrogate_gradient", "spike_count"])
def test_a_step_copies_no_more_than_it_computes(encoded, name):
    """The initial state is spread out; spikes and gradients stay as they are."""
    twin, current, raster = encoded
    rule = learning_rule(name)

    def step():
        rule.respond(twin, current, raster).output.square().sum().backward()

    step()  # compiles
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        step()
    events = [e for e in found.events() if e.name == "aten::copy_"]
    copied = sum(int(np.prod(e.input_shapes[0])) for e in events)
    spikes = STEPS * BATCH * sum(p.size for p in twin.network.firing)
    assert 0 < copied < 2 * spikes  # 5 times as many, if layers are copied
    within = {e.cpu_parent.name for e in events if np.prod(e.input_shapes[0]) > BATCH * 1000}
    assert not within & {"aten::convolution_backward", "aten::avg_pool2d_backward"}
    assert "aten::slice_backward" not in {e.name for e in found.events()}


@pytest.mark.parametrize("name", ["surrogate_gradient", "spike_count"])
def test_gradients_are_those_of_images_in_the_usual_order(encoded, name, monkeypatch):
    """With torch's own products, which choose their order, all gradients are the same."""
    twin, current, raster = encoded
    rule = learning_rule(name)

    def gradients() -> list[torch.Tensor]:
        twin.zero_grad()
        rule.respond(twin, current, raster).output.square().sum().backward()
        return [p.grad.clone() for p in twin.parameters() if p.grad is not None]

    ours = gradients()
    monkeypatch.setattr("brianbridge.twin.products.convolution._applies", lambda *_: False)
    monkeypatch.setattr("brianbridge.twin.weighting.runs_compiled", lambda *_: False)
    for one, other in zip(ours, gradients(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))
