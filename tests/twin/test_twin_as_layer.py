"""A twin in the torch model of its user: modes, batches, rasters, transformations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import brianbridge as bb
from brianbridge.encoding import EncodedInput
from brianbridge.network import Population, Projection, Recurrent, Sparse

LIF = bb.neuron_model("lif")
STEPS = 8
ENCODINGS = {
    "bernoulli": bb.Bernoulli(STEPS),
    "current": bb.Current(STEPS),
    "finer": bb.encoding.Finer(encoding=bb.Latency(STEPS // 2), divisor=2),
    "frames": bb.encoding.Frames(STEPS),
    "latency": bb.Latency(STEPS),
    "poisson": bb.encoding.Poisson(STEPS, rate=500.0),
    "waiting": bb.encoding.Waiting(encoding=bb.Latency(STEPS - 2), after=2),
}
NOISY = bb.NeuronModel(
    "dv/dt = -v/(10*ms) + drive + 5*xi*Hz**0.5 : 1\ndrive : Hz", name="noisy",
    emit="int(v > 1)", reset="v = 0", drive="drive", method="euler",
)  # fmt: skip


def network(encoding: bb.encoding.Encoding, neuron: bb.NeuronModel = LIF) -> bb.SpikingNetwork:
    layers = [bb.Dense(6, neuron), bb.Dense(3, LIF)]
    shape = encoding.shape_of_samples((4,))
    net = bb.SpikingNetwork.sequential(shape, layers, encoding=encoding, weight_gain=4.0)
    first = net.projections[0]  # with positive weights the hidden neurons fire
    return net.with_weights({first.name: (np.abs(first.weight), first.bias)})


def samples(twin: bb.NetworkTwin, number: int = 5) -> Tensor:
    shape = (number, *twin.network.input_shape)
    return torch.tensor(np.random.default_rng(1).random(shape), dtype=twin.dtype)


# ---------------------------------------------------------------------- random numbers


@pytest.mark.parametrize(
    ("encoding", "neuron"),
    [(bb.Bernoulli(STEPS, gain=0.5), LIF), (bb.Current(STEPS), NOISY)],
    ids=["input", "neurons"],
)
def test_training_draws_anew_and_evaluation_by_the_number_of_the_sample(encoding, neuron):
    twin = bb.to_torch(network(encoding, neuron), dtype=torch.float64)
    x = samples(twin, 20)
    torch.manual_seed(5)
    first, second = twin(x), twin(x)
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    assert torch.equal(twin(x), first)
    assert torch.equal(twin(x), second)
    twin.eval()
    whole = twin(x)
    assert torch.equal(twin(x), whole)
    assert np.array_equal(twin.record(x, seed=0).output, whole.detach())
    assert np.array_equal(bb.simulate(twin.to_network(), x, seed=0).output, whole.detach())
    order = torch.randperm(20)
    assert torch.equal(twin(x[order], index=order), whole[order])
    assert not torch.equal(twin(x[order]), whole[order])


def test_a_twin_without_random_numbers_leaves_the_generator_of_torch_alone():
    twin = bb.to_torch(network(bb.Current(STEPS)))
    before = torch.get_rng_state()
    twin(samples(twin))
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------------- batches


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_empty_batch_has_an_empty_output(name):
    twin = bb.to_torch(network(ENCODINGS[name]))
    x = samples(twin)[:0].requires_grad_()
    output = twin(x)
    assert output.shape == (0, 3)
    output.sum().backward()
    assert x.grad.shape == x.shape
    assert twin.eval()(x.detach().numpy()).shape == (0, 3)


@pytest.mark.parametrize("loop", [False, True])
def test_an_empty_batch_passes_every_kind_of_layer(loop):
    layers = [
        bb.Conv2d(2, 3, LIF), bb.AvgPool2d(2), bb.Conv2d(2, 3, LIF), bb.AvgPool2d(2, LIF),
        bb.Dense(4, LIF), *([Recurrent()] if loop else []), bb.Dense(3, LIF),
    ]  # fmt: skip
    net = bb.SpikingNetwork.sequential((1, 14, 14), layers, encoding=bb.Bernoulli(STEPS))
    assert bb.to_torch(net)(torch.zeros(0, 1, 14, 14)).shape == (0, 3)


def test_simulate_still_refuses_no_samples():
    net = network(bb.Current(STEPS))
    with pytest.raises(bb.InputError, match="there are no samples; give at least one"):
        bb.simulate(net, np.zeros((0, 4)))


# ---------------------------------------------------------------------- rasters


@pytest.mark.parametrize("name", ["bernoulli", "finer", "frames", "latency", "waiting"])
def test_a_raster_of_tensors_is_presented_as_it_is(name):
    twin = bb.to_torch(network(ENCODINGS[name]), dtype=torch.float64).eval()
    x = samples(twin)
    raster = twin.encode(x)[1].requires_grad_()
    output = twin(EncodedInput(raster=raster))
    assert torch.equal(output, twin(x))
    output.sum().backward()
    assert raster.grad.any()
    given = EncodedInput(raster=raster.detach().numpy())
    assert np.array_equal(bb.simulate(twin.to_network(), given).output, output.detach())
    recorded = twin.record(given, batch_size=2)
    assert np.array_equal(recorded.output, output.detach())
    with pytest.raises(bb.InputError, match="gives"):
        twin.record(EncodedInput(raster=np.zeros((STEPS, 2, 5))))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (EncodedInput(raster=torch.zeros(STEPS, 2, 5)), r"shape \(8, 2, 5\).*gives \(8, 2, 4\)"),
        (EncodedInput(raster=torch.zeros(7, 2, 4)), r"shape \(7, 2, 4\).*gives \(8, 2, 4\)"),
        (EncodedInput(current=torch.zeros(2, 4)), "gives a raster"),
        (EncodedInput(), "not just one of current and raster; give one"),
    ],
)
def test_a_raster_of_a_wrong_shape_is_refused(given, message):
    twin = bb.to_torch(network(bb.Bernoulli(STEPS)))
    with pytest.raises(bb.InputError, match=message):
        twin(given)


# ---------------------------------------------------------------------- transformations of torch


def sparse(delays: bool) -> bb.SpikingNetwork:
    """Return a network of listed synapses, perhaps each with a delay."""
    rng = np.random.default_rng(3)
    source, target = np.nonzero(rng.random((4, 5)) < 0.6)
    steps = rng.integers(0, 3, len(source)) * 1e-3 if delays else None
    wires = Sparse(source, target, delays=steps)
    cells, output = Population("cells", (5,), LIF), Population("output", (3,), LIF)
    projections = (
        Projection("input", "cells", rng.normal(1, 1, len(source)), None, wires),
        Projection("cells", "output", rng.normal(1, 1, (3, 5))),
    )
    return bb.SpikingNetwork((STEPS, 4), bb.encoding.Frames(STEPS), (cells, output), projections)


LAYERS = {
    "current": network(bb.Current(STEPS)),
    "frames": network(bb.encoding.Frames(STEPS)),
    "graded": network(bb.Current(STEPS), bb.neuron_model("multi_threshold_lif")),
    "sparse": sparse(delays=False),
    "delays": sparse(delays=True),
    "loop": bb.SpikingNetwork.sequential(
        (4,),
        [bb.Dense(6, LIF), Recurrent(), bb.Dense(3, LIF)],
        encoding=bb.Current(STEPS),
        weight_gain=12.0,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_per_sample_by_vmap_are_those_of_single_samples(name):
    twin = bb.to_torch(LAYERS[name], dtype=torch.float64)
    x, y = samples(twin), torch.arange(5) % 3
    parameters = dict(twin.named_parameters())

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        output = torch.func.functional_call(twin, parameters, (x[None],))
        return nn.functional.cross_entropy(output, y[None])

    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    for sample in range(5):
        twin.zero_grad()
        loss(parameters, x[sample], y[sample]).backward()
        for name, values in parameters.items():
            torch.testing.assert_close(found[name][sample], values.grad)
    assert all(values.any() for values in found.values())


def test_a_raster_is_transformed_where_the_encoding_cannot_be():
    twin = bb.to_torch(network(bb.Bernoulli(STEPS)), dtype=torch.float64).eval()
    x = samples(twin)
    with pytest.raises(bb.InputError, match=r"encode them before, raster = twin.encode"):
        torch.func.vmap(lambda one: twin(one[None]))(x)
    raster = twin.encode(x)[1]
    found = torch.func.vmap(lambda one: twin(EncodedInput(raster=one[:, None]))[0], 1)(raster)
    assert torch.equal(found, twin(x))


def test_a_compiled_twin_has_the_same_output_and_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), bb.to_torch(network(bb.Current(STEPS))))
    compiled, x = torch.compile(model, backend="aot_eager"), torch.rand(5, 4)
    gradients = []
    for one in (model, compiled):
        model.zero_grad()
        one(x).sum().backward()
        gradients.append([values.grad.clone() for values in model.parameters()])
    assert torch.equal(compiled(x), model(x))
    for wanted, found in zip(*gradients, strict=True):
        assert wanted.any()
        torch.testing.assert_close(found, wanted)


def test_a_twin_runs_under_autocast():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), bb.to_torch(network(bb.Current(STEPS))))
    x = torch.rand(5, 4)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(x)
        output.sum().backward()
    assert output.dtype == torch.float32
    assert all(values.grad.any() for values in model.parameters())
    assert (output - model(x)).abs().mean() < 1
