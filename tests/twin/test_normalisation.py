"""Batch normalisation: torch's where there is one step, and gone without a trace at write-back."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from brianbridge.encoding import Bernoulli, Current, EncodedInput, Encoding
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    OneToOne,
    Population,
    Projection,
    Recurrent,
    Residual,
    SpikingNetwork,
    SumPool2d,
    fold_batch_norm,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import learning_rule
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import NetworkTwin, to_torch
from brianbridge.twin.normalisation import BatchNorm
from brianbridge.twin.received import inputs_of

IF, LIF = neuron_model("if"), neuron_model("lif")
IMAGE = (2, 7, 6)


def dense(encoding: Encoding) -> SpikingNetwork:
    layers = [Dense(9, LIF), Dense(6, IF), Dense(3, IF)]
    return SpikingNetwork.sequential((5,), layers, encoding=encoding, readout="potential", seed=2)


def images(encoding: Encoding) -> SpikingNetwork:
    """Return a network with pooling, two projections into one population, and a dense layer."""
    layers = [
        Conv2d(3, 3, IF, padding=1), Conv2d(3, 3, LIF, padding=1), Residual("conv1", learned=True),
        SumPool2d(2), Conv2d(4, 2, IF), AvgPool2d((1, 2), IF), Dense(5, IF), Dense(3, IF),
    ]  # fmt: skip
    return SpikingNetwork.sequential(
        IMAGE, layers, encoding=encoding, readout="counts", seed=3, weight_gain=3.0
    )


NETWORKS = {"dense": dense, "images": images}


def twin_of(network: SpikingNetwork, **options) -> NetworkTwin:
    return to_torch(network, dtype=torch.float64, batch_norm=True, **options)


def samples(network: SpikingNetwork, number: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((number, *network.input_shape))


def shuffled(norm: BatchNorm) -> BatchNorm:
    """Give a normalisation a scale and a shift, for 1 and 0 would hide where they go."""
    with torch.no_grad():
        norm.gamma.copy_(torch.linspace(0.5, 1.5, len(norm.gamma)))
        norm.beta.copy_(torch.linspace(-0.3, 0.4, len(norm.beta)))
    return norm


def torch_norm(norm: BatchNorm) -> dict[str, Tensor]:
    """Return the arguments that make ``torch.nn.functional.batch_norm`` the same one."""
    return {
        "running_mean": norm.mean.clone(), "running_var": norm.variance.clone(),
        "weight": norm.gamma.detach().clone().requires_grad_(),
        "bias": norm.beta.detach().clone().requires_grad_(),
    }  # fmt: skip


def trained(network: SpikingNetwork, rule: str = "spike_count", steps: int = 4) -> NetworkTwin:
    twin = twin_of(network)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.03)
    labels = torch.arange(12) % 3
    for step in range(steps):
        inputs = twin.encode(samples(network, seed=step))
        chosen = learning_rule(rule)
        chosen.loss(chosen.respond(twin, *inputs).output, labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return twin.eval()


# ---------------------------------------------------------------------- what it computes


@pytest.mark.parametrize("shape", [(7, 4), (3, 4, 2, 5)], ids=["dense", "images"])
def test_a_normalisation_is_that_of_torch(shape):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + 1
    onto = torch.randn(shape, generator=generator, dtype=torch.float64)
    norm = shuffled(BatchNorm(4, torch.float64))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    like = torch_norm(norm)
    for _ in range(2):  # twice, for the statistics move on from where they are
        found = torch.nn.functional.batch_norm(theirs, training=True, momentum=0.1, **like)
        scale, shift = (v.reshape(4, *(1,) * (len(shape) - 2)) for v in norm(ours))
        torch.testing.assert_close(scale * ours + shift, found, rtol=0, atol=1e-12)
    ((scale * ours + shift) * onto).sum().backward()
    (found * onto).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-12)
    torch.testing.assert_close(norm.gamma.grad, like["weight"].grad, rtol=0, atol=1e-12)
    torch.testing.assert_close(norm.beta.grad, like["bias"].grad, rtol=0, atol=1e-12)
    torch.testing.assert_close(norm.mean, like["running_mean"], rtol=0, atol=1e-13)
    torch.testing.assert_close(norm.variance, like["running_var"], rtol=0, atol=1e-13)
    scale, shift = (v.reshape(4, *(1,) * (len(shape) - 2)) for v in norm.running())
    expected = torch.nn.functional.batch_norm(x, **like)
    torch.testing.assert_close(scale * x + shift, expected, rtol=0, atol=1e-12)


def first_layers(encoding: Encoding) -> dict[str, SpikingNetwork]:
    """Return networks of one layer: dense, convolution, and a convolution behind pooling."""
    kinds = {
        "dense": [Dense(4, IF)],
        "convolution": [Conv2d(3, 2, IF, stride=2)],
        "pooled": [AvgPool2d(2), Conv2d(3, 2, IF, padding=1)],
    }
    return {
        kind: SpikingNetwork.sequential(IMAGE, layers, encoding=encoding, seed=1)
        for kind, layers in kinds.items()
    }


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("encoding", ["current", "spikes"])
@pytest.mark.parametrize("kind", ["dense", "convolution", "pooled"])
def test_the_mean_input_of_a_presentation_is_normalised(kind, encoding, steps):
    of_current = encoding == "current"
    network = first_layers(Current(steps) if of_current else Bernoulli(steps))[kind]
    twin = twin_of(network)
    current, raster = twin.encode(samples(network))
    projection = twin.projection("input_to_output")
    norm = shuffled(projection.norm)
    like = torch_norm(norm)
    x, constant = inputs_of(twin, "output", {} if of_current else {"input": raster}, current)
    given = current[None].expand(steps, *current.shape) if of_current else raster
    found = constant + sum(x.values())  # (T, batch, ...), or of a current (batch, ...)

    # y(t), without any part of the normalisation.
    pooled = given.flatten(0, 1)
    if kind == "pooled":
        pooled = torch.nn.functional.avg_pool2d(pooled, 2)
    weight = projection.weight.detach()
    if kind == "dense":
        y = pooled.flatten(1) @ weight.T
    else:
        options = {"stride": 2} if kind == "convolution" else {"padding": 1}
        y = torch.nn.functional.conv2d(pooled, weight, **options)
    y = y.reshape(steps, len(y) // steps, *y.shape[1:])

    mean = y.mean(0)
    places = [d for d in range(mean.ndim) if d != 1]
    each = (-1, *(1,) * (mean.ndim - 2))
    spread = torch.sqrt(mean.var(places, correction=0) + norm.eps).reshape(each)
    centred = (y - mean.mean(places).reshape(each)) / spread
    expected = norm.gamma.reshape(each) * centred + norm.beta.reshape(each)
    torch.testing.assert_close(found.expand(expected.shape), expected, rtol=0, atol=1e-11)
    normalised = torch.nn.functional.batch_norm(mean, training=True, momentum=0.1, **like)
    torch.testing.assert_close(expected.mean(0), normalised, rtol=0, atol=1e-11)
    torch.testing.assert_close(norm.mean, like["running_mean"], rtol=0, atol=1e-13)
    torch.testing.assert_close(norm.variance, like["running_var"], rtol=0, atol=1e-13)


def test_every_projection_into_a_population_is_normalised_by_itself():
    network = images(Bernoulli(5))
    twin = twin_of(network)
    (_, raster), spikes = twin.encode(samples(network)), {}
    generator = np.random.default_rng(4)
    for name in ("conv1", "conv2"):
        shape = (5, 12, *network.population(name).shape)
        spikes[name] = torch.as_tensor(generator.integers(0, 2, shape), dtype=torch.float64)
    assert [p.source for p in network.incoming("conv2")] == ["conv1", "conv1"]
    beta = [0.25, 0.5]
    for number, projection in zip(beta, network.incoming("conv2"), strict=True):
        torch.nn.init.constant_(twin.projection(projection.name).norm.beta, number)
    x, constant = inputs_of(twin, "conv2", {"input": raster, **spikes}, None)
    mean = (x["v"] + constant).mean(0)
    # Each has the mean beta; the variance of a sum of two is not 1, but that of each is.
    torch.testing.assert_close(
        mean.mean((0, 2, 3)), torch.full((3,), sum(beta), dtype=torch.float64), rtol=0, atol=1e-12
    )
    for projection in network.incoming("conv2"):
        weights = twin.projection(projection.name)
        weighted = weights(spikes["conv1"])
        alone, shift = weights.normalised(weighted, over_time=True)
        variance = (alone + shift).mean(0).var((0, 2, 3), correction=0)
        torch.testing.assert_close(variance, torch.ones_like(variance), rtol=1e-3, atol=0)


def test_a_single_value_is_normalised_by_what_was_noted():
    norm = shuffled(BatchNorm(2, torch.float64))
    norm(torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=torch.float64))
    before = norm.mean.clone(), norm.variance.clone()
    found = norm(torch.tensor([[7.0, 8.0]], dtype=torch.float64))
    for one, other in zip(found, norm.running(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(norm.mean, before[0])
    assert torch.equal(norm.variance, before[1])


def test_statistics_are_noted_in_full_precision():
    norm = BatchNorm(1, torch.float32)
    x = torch.tensor([[100.0], [100.5], [101.0], [101.5]]).bfloat16()
    scale, shift = norm(x)
    assert scale.dtype == shift.dtype == torch.float32
    assert (scale * x.float() + shift).mean().abs() < 1e-3
    assert norm.mean.item() == pytest.approx(0.1 * 100.75, rel=1e-6)


# ---------------------------------------------------------------------- what is noted, and when


def test_a_rule_notes_the_statistics_of_a_batch_once():
    network = images(Bernoulli(5))
    noted = []
    for rule in ("spike_count", "surrogate_gradient"):
        twin = twin_of(network)
        learning_rule(rule).respond(twin, *twin.encode(samples(network)))
        noted.append({k: v for k, v in twin.state_dict().items() if ".norm." in k})
    assert len(noted[0]) == 4 * 6
    for name, values in noted[0].items():
        torch.testing.assert_close(values, noted[1][name], rtol=1e-10, atol=1e-12)
    assert noted[0]["projections.input_to_conv1.norm.mean"].abs().min() > 1e-4


@pytest.mark.parametrize("how", ["no_grad", "eval"])
def test_nothing_is_noted_without_gradients_or_in_evaluation(how):
    network = images(Bernoulli(5))
    twin = twin_of(network).train(how == "no_grad")
    before = {name: values.clone() for name, values in twin.state_dict().items()}
    with torch.set_grad_enabled(how == "eval"):
        twin(samples(network))
    for name, values in twin.state_dict().items():
        assert torch.equal(values, before[name]), name


# ---------------------------------------------------------------------- what is written back


@pytest.mark.parametrize(
    ("encoding", "rule"),
    [(Current(8), "spike_count"), (Bernoulli(8), "surrogate_gradient")],
    ids=["current", "bernoulli"],
)
@pytest.mark.parametrize("kind", NETWORKS)
def test_folding_changes_no_spike(kind, encoding, rule):
    twin = trained(NETWORKS[kind](encoding), rule)
    network = write_back(twin)
    plain = to_torch(network, dtype=torch.float64)
    assert not any(".norm." in name for name in plain.state_dict())
    x = samples(network, seed=9)
    inputs = twin.encode(x)
    with torch.no_grad():
        found, expected = twin.run(*inputs), plain.run(*inputs)
    assert torch.equal(found.output, expected.output)
    brian2 = simulate(network, x[:4], backend=Backend(threads=1))
    for name, spikes in found.spikes.items():
        assert 0 < spikes.mean() < 1, f"{name} must have something to say"
        assert int((spikes != expected.spikes[name]).sum()) == 0
        np.testing.assert_array_equal(
            brian2.spikes[name].reshape(8, 4, -1), spikes[:, :4].flatten(2).numpy()
        )
    np.testing.assert_allclose(brian2.output, found.output[:4].numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_written_back_is_the_fold(kind):
    twin = trained(NETWORKS[kind](Bernoulli(4)))
    for projection in write_back(twin).projections:
        weights = twin.projection(projection.name)
        if weights.norm is None:
            np.testing.assert_array_equal(projection.weight, weights.weight.detach())
            continue
        norm = {k: v.detach().numpy() for k, v in weights.norm.state_dict().items()}
        assert all(np.abs(v).max() > 1e-3 for v in norm.values())
        weight, bias = fold_batch_norm(
            weights.weight.detach().numpy(), None, **norm, eps=weights.norm.eps
        )
        np.testing.assert_allclose(projection.weight, weight, rtol=1e-13, atol=0)
        np.testing.assert_allclose(projection.bias, bias, rtol=1e-12, atol=1e-14)


def test_a_projection_without_a_bias_gets_one():
    network = SpikingNetwork.sequential(
        (3,), [Dense(2, IF, bias=False), Dense(2, IF, bias=False)], encoding=Bernoulli(4)
    )
    found = write_back(twin_of(network))
    assert [p.bias.shape for p in found.projections] == [(2,), (2,)]


def test_a_twin_comes_back_from_its_state_and_as_a_copy():
    network = images(Bernoulli(4))
    twin = trained(network)
    fresh, copy = twin_of(network).eval(), deepcopy(twin)
    fresh.load_state_dict(twin.state_dict())
    x = samples(network, seed=5)
    with torch.no_grad():
        expected = twin(x)
        assert torch.equal(fresh(x), expected)
        assert torch.equal(copy(x), expected)
        copy.projection("input_to_conv1").norm.mean.add_(1.0)
        assert torch.equal(twin(x), expected), "a copy has statistics of its own"
        assert not torch.equal(copy(x), expected)


# ---------------------------------------------------------------------- what is left alone


def test_frozen_weights_the_free_output_and_others_are_left_alone():
    a, b, c = (Population(name, (4,), IF) for name in "abc")
    one = np.ones(4)
    network = SpikingNetwork(
        (4,), Bernoulli(3), (a, b, c),
        (
            Projection("input", "a", np.eye(4)),
            Projection("input", "a", np.eye(4), frozen=True, label="still"),
            Projection("a", "b", one, None, OneToOne()),
            Projection("a", "b", np.eye(4), label="dense"),
            Projection("b", "c", np.eye(4), one),
        ),
        readout="potential",
    )  # fmt: skip
    twin = twin_of(network)
    normalised = {name for name in twin.projections if twin.projection(name).norm is not None}
    assert normalised == {"input_to_a", "a_to_b_dense"}
    assert twin_of(replace(network, readout="counts")).projection("b_to_c").norm is not None
    current, raster = twin.encode(np.ones((2, 4)))
    still = EncodedInput(current, raster.numpy())
    assert twin.run(*twin.as_tensors(still)).output.shape == (2, 4)
    found = {p.name: p for p in write_back(twin).projections}
    for name in {*found} - normalised:
        before = next(p for p in network.projections if p.name == name)
        np.testing.assert_array_equal(found[name].weight, before.weight)
        assert (found[name].bias is None) == (before.bias is None)


def test_feedback_is_refused(refused):
    network = SpikingNetwork.sequential(
        (3,), [Dense(4, IF), Recurrent(), Dense(2, IF)], encoding=Bernoulli(3)
    )
    with refused("batch_norm", "feedback", "leave batch_norm out"):
        twin_of(network)
    to_torch(network)


def test_neurons_without_a_drive_are_refused(refused):
    silent = NeuronModel(
        "dv/dt = -v/(10*ms) : 1", emit="int(v >= theta)", reset="v -= theta*emit", receive="v",
        parameters={"theta": 1.0}, name="undriven",
    )  # fmt: skip
    network = SpikingNetwork.sequential(
        (3,), [Dense(4, silent, bias=False), Dense(2, IF)], encoding=Bernoulli(3)
    )
    with refused("batch_norm", "'undriven'", "'hidden' has no drive"):
        twin_of(network)
    to_torch(network)
