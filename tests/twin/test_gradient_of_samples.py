"""Gradients flow from the output of a twin to its samples, in every encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import brianbridge as bb
from brianbridge.encoding import EncodedInput, Encoding, Source, Sources
from brianbridge.network import Population, Projection

LIF = bb.neuron_model("lif")
STEPS = 12
FRAMES = bb.encoding.Frames(STEPS)


def summing(encoding: Encoding, inputs: int = 4) -> bb.NetworkTwin:
    """Return neurons that do not fire: what they compute is linear in their input spikes."""
    shape = encoding.shape_of_samples((inputs,))
    net = bb.SpikingNetwork.sequential(
        shape, [bb.Dense(3, LIF)], encoding=encoding, readout="potential", seed=1
    )
    return bb.to_torch(net, dtype=torch.float64)


def firing(encoding: Encoding) -> bb.NetworkTwin:
    """Return a network whose hidden neurons fire, with no gradient through their spikes."""
    rng = np.random.default_rng(0)
    hidden, output = Population("hidden", (5,), LIF), Population("output", (3,), LIF)
    projections = (
        Projection("input", "hidden", rng.normal(1, 1, (5, 4))),
        Projection("hidden", "output", rng.normal(0, 1, (3, 5))),
        Projection("input", "output", rng.normal(0, 1, (3, 4))),
    )
    shape = encoding.shape_of_samples((4,))
    net = bb.SpikingNetwork(shape, encoding, (hidden, output), projections, "potential")
    no_gradient = bb.twin.SpikeFunction(scale=0.0)
    return bb.to_torch(net, dtype=torch.float64, spike_function=no_gradient)


def samples(*shape: int, seed: int = 0) -> Tensor:
    values = torch.tensor(np.random.default_rng(seed).uniform(0.05, 0.95, shape))
    return values.requires_grad_()


@pytest.mark.parametrize("encoding", [bb.Current(STEPS), FRAMES], ids=["current", "frames"])
def test_the_gradient_of_a_current_and_of_frames_is_exact(encoding):
    twin = firing(encoding)
    x = samples(2, *twin.network.input_shape)
    assert twin.run(*twin.encode(x)).spikes["hidden"].any()
    assert torch.autograd.gradcheck(twin, (x,))


@pytest.mark.parametrize(
    ("encoding", "slope"),
    [
        (bb.Bernoulli(STEPS, gain=0.5), 0.5),
        (bb.Bernoulli(STEPS, signed=True), 1.0),
        (bb.encoding.Poisson(STEPS, rate="200 Hz"), 0.2),
    ],
    ids=["bernoulli", "signed", "poisson"],
)
def test_the_gradient_of_a_rate_is_that_of_the_mean_input(encoding, slope):
    x, mean = samples(3, 4), samples(3, 4)
    summing(encoding)(x).sum().backward()
    frames = (slope * mean).unsqueeze(1).expand(-1, STEPS, -1)
    summing(FRAMES)(frames).sum().backward()
    assert mean.grad.abs().min() > 0
    torch.testing.assert_close(x.grad, mean.grad)


def test_the_gradient_of_a_latency_is_that_of_a_spike_that_moves():
    twin, x = summing(bb.Latency(STEPS), inputs=1), samples(1, 1)
    twin(x)[0, 0].backward()
    first = int((1 - x.item()) * (STEPS - 1))
    outputs = []
    for step in (first, first + 1):
        raster = torch.zeros(STEPS, 1, 1)
        raster[step] = 1
        outputs.append(twin(EncodedInput(raster=raster))[0, 0].item())
    assert x.grad.item() == pytest.approx((outputs[0] - outputs[1]) * (STEPS - 1))


def test_parts_of_several_sources_have_the_gradient_of_their_encoding():
    mine, other = (
        Source("mine", (2,), bb.Bernoulli(STEPS)),
        Source("other", (2,), bb.Latency(STEPS)),
    )
    noise = Source("noise", None, bb.encoding.Background(STEPS, size=2, rates=((300.0,),)))
    twin = summing(Sources(STEPS, parts=(mine, noise, other)), inputs=6)
    x = samples(3, 4)
    twin(x).sum().backward()
    each = {"mine": samples(3, 4)[:, :2], "other": samples(3, 4)[:, 2:]}
    each = {name: part.detach().requires_grad_() for name, part in each.items()}
    twin(each).sum().backward()
    assert x.grad.abs().min() > 0
    assert torch.equal(torch.cat([each["mine"].grad, each["other"].grad], 1), x.grad)


@pytest.mark.parametrize(
    "encoding",
    [
        bb.encoding.Background(STEPS, size=4, rates=((300.0,),)),
        bb.encoding.Replay(STEPS, size=4, step=(0, 3), node=(1, 2)),
    ],
    ids=["background", "replay"],
)
def test_samples_without_effect_have_a_gradient_of_0(encoding):
    x = samples(3, 4)
    summing(encoding)(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(3, 4))


def test_an_encoding_without_a_gradient_refuses_samples_that_require_one():
    @dataclass(frozen=True)
    class Burst(Encoding):
        kind: ClassVar[str] = "burst_of_a_test"

        def encode(self, x, index, stream=0):
            return EncodedInput(raster=np.ones((self.steps, *x.shape), np.int8))

    twin, x = summing(Burst(STEPS)), samples(2, 4)
    with pytest.raises(bb.InputError, match=r"'burst_of_a_test' has no gradient .* x.detach\(\)"):
        twin(x)
    assert twin(x.detach()).shape == (2, 3)
    with torch.no_grad():
        twin(x)


@pytest.mark.parametrize(
    "encoding", [bb.Current(STEPS), bb.Bernoulli(STEPS), bb.encoding.Poisson(STEPS, rate=500.0)]
)
def test_layers_before_a_twin_are_trained(encoding):
    torch.manual_seed(2)
    layers = [bb.Dense(10, LIF), bb.Dense(2, LIF)]
    net = bb.SpikingNetwork.sequential(
        (6,), layers, encoding=encoding, readout="potential", weight_gain=4.0
    )
    twin = bb.to_torch(net).requires_grad_(requires_grad=False)
    model = nn.Sequential(nn.Linear(5, 6), nn.Sigmoid(), twin)
    x, y = torch.randn(40, 5), torch.arange(40) % 2
    x[:, 0] += 2 * y - 1
    optimizer = torch.optim.Adam(model[0].parameters(), 0.05)
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        assert all(values.grad.any() for values in model[0].parameters())
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(
    "encoding", [bb.Current(STEPS), FRAMES, bb.Bernoulli(STEPS), bb.Latency(STEPS)]
)
def test_tensors_are_encoded_as_arrays_are(encoding, requires_grad):
    twin = summing(encoding).float()
    x = samples(3, *twin.network.input_shape).detach().float().requires_grad_(requires_grad)
    found, wanted = twin.encode(x), twin.encode(x.detach().numpy())
    for one, other in zip(found, wanted, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
