"""Layers: what they grow, the earliest spike that wins, and everything that cannot be a layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms
from layer_chains import IF, LIF, ONCE, ZERO, chain

from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.network import (
    AllToAll,
    AvgPool2d,
    Connected,
    Conv2d,
    Convolution,
    Dense,
    Feedback,
    Flatten,
    MaxPool2d,
    OneToOne,
    Pooling,
    Recurrent,
    Residual,
    Sparse,
    SpikingNetwork,
    SumPool2d,
    TransposedConvolution,
)
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch


def shapes(network: SpikingNetwork) -> dict[str, tuple[int, ...]]:
    return {p.name: p.shape for p in network.populations}


# ---------------------------------------------------------------------- what they grow


@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        (3, {}), ((3, 2), {"stride": (2, 1)}), (3, {"padding": (1, 2)}),
        (2, {"dilation": (2, 3)}), ((7, 5), {}), (1, {"stride": 2, "groups": 2}),
    ],
)  # fmt: skip
def test_a_convolution_has_the_shape_that_torch_gives_it(kernel, options):
    net = chain(Conv2d(4, kernel, IF, **options))
    module = torch.nn.Conv2d(2, 4, kernel, **options)
    assert net.output.shape == tuple(module(torch.zeros(1, 2, 7, 5)).shape[1:])
    (projection,) = net.projections
    assert projection.weight.shape == tuple(module.weight.shape)
    assert projection.bias.shape == (4,)
    bound = 1 / np.sqrt(np.prod(module.weight.shape[1:]))
    assert bound / 2 < np.abs(projection.weight).max() <= bound


def test_names_count_the_layers_of_each_kind():
    net = chain(
        Conv2d(2, 2, ONCE), MaxPool2d(2), Conv2d(3, 1, LIF, bias=False, name="mine"),
        AvgPool2d(2, LIF, stride=1), Flatten(), Dense(4, LIF), Dense(3, LIF), Dense(2, LIF),
    )  # fmt: skip
    assert shapes(net) == {
        "conv1": (2, 6, 4), "pool1": (2, 3, 2), "mine": (3, 3, 2), "pool2": (3, 2, 1),
        "hidden1": (4,), "hidden2": (3,), "output": (2,),
    }  # fmt: skip
    assert [p.name for p in net.projections][:3] == [
        "input_to_conv1", "conv1_to_pool1", "pool1_to_mine",
    ]  # fmt: skip
    assert net.projections[2].bias is None
    one = chain(Dense(4, LIF, name="first"), Dense(2, LIF, name="last"))
    assert list(shapes(one)) == ["first", "last"]


def test_pooling_without_neurons_is_part_of_the_next_projection():
    net = chain(AvgPool2d(2), Conv2d(3, 2, LIF), SumPool2d((2, 1), padding=(1, 0)), Dense(4, LIF))
    first, second = net.projections
    assert first.pool == Pooling("average", 2)
    assert second.pool == Pooling("sum", (2, 1), None, (1, 0))
    assert shapes(net) == {"conv1": (3, 2, 1), "output": (4,)}
    assert second.weight.shape == (4, 6)


RIM = Sparse([0, 1, 1, 2], [0, 0, 1, 3])


@pytest.mark.parametrize(
    ("shape", "connection", "options", "weight", "bias"),
    [
        (6, AllToAll(), {}, (6, 70), 6),
        ((2, 7, 5), OneToOne(), {}, (70,), 70),
        (70, {"kind": "one_to_one"}, {"weight_shape": 1}, (1,), 70),
        ((3, 5, 4), Convolution(), {"weight_shape": (3, 2, 3, 2)}, (3, 2, 3, 2), 3),
        ((3, 7, 5), Convolution(), {}, (3, 2, 1, 1), 3),
        ((3, 8, 6), TransposedConvolution(), {"weight_shape": (2, 3, 2, 2)}, (2, 3, 2, 2), 3),
        (4, RIM, {}, (4,), 4),
        (4, {"kind": "sparse", "source": [0, 1], "target": [3, 3]}, {}, (2,), 4),
    ],
)
def test_any_connection_is_a_layer(shape, connection, options, weight, bias):
    net = chain(Connected(shape, connection, LIF, **options), Dense(2, LIF))
    assert list(shapes(net)) == ["hidden", "output"]
    projection = net.projections[0]
    assert (projection.weight.shape, projection.bias.shape) == (weight, (bias,))
    ends = net.shape_of("input"), net.shape_of("hidden")
    fan_in = max(1, round(projection.number_of_synapses(*ends) / np.prod(ends[1])))
    assert 0 < np.abs(projection.weight).max() <= 1 / np.sqrt(fan_in)


def test_a_layer_of_any_connection_takes_pooling_delay_and_name():
    layer = Connected((2, 3, 2), OneToOne(), LIF, bias=False, name="seen", delay="2 ms")
    (projection,) = chain(AvgPool2d(2), layer).projections
    assert projection.pool == Pooling("average", 2)
    assert (projection.bias, projection.target, projection.delay) == (None, "seen", 0.002)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Connected(4, "sparse", IF), ["connection = 'sparse'", "give a connection"]),
        (lambda: chain(Connected(0, OneToOne(), IF)), ["layer 'output'", "shape 0"]),
        (lambda: chain(Connected(4, OneToOne(), IF)), ["layer 'output'", "need the same size"]),
        (
            lambda: chain(Connected(70, OneToOne(), IF, weight_shape=(2,))),
            ["weight has shape (2,)", "needs (70,)"],
        ),
        (lambda: chain(Connected(1, Sparse([70], [0]), IF)), ["source neuron 70"]),
    ],
)
def test_a_layer_whose_connection_does_not_fit(refused, make, said):
    with refused(*said):
        make()


@pytest.mark.parametrize("layer", [AvgPool2d, SumPool2d])
def test_pooling_with_neurons_is_frozen(layer):
    net = chain(layer(2, LIF, stride=1))
    (projection,) = net.projections
    assert net.output.shape == (2, 6, 4)
    assert projection.frozen
    assert isinstance(projection.connection, OneToOne)
    assert projection.weight.tolist() == [1]
    assert not [*to_torch(net).parameters()]


def test_a_residual_of_the_same_shape_is_the_identity():
    net = chain(Conv2d(3, 3, LIF, padding=1), Conv2d(3, 3, LIF, padding=1), Residual("conv1"),
                Dense(2, LIF))  # fmt: skip
    residual = net.incoming("conv2")[-1]
    # The name without a label is that of the layer which the residual leads around.
    assert residual.name == "conv1_to_conv2_residual"
    assert (residual.source, residual.frozen, residual.bias) == ("conv1", True, None)
    assert isinstance(residual.connection, OneToOne)


def test_a_residual_of_another_shape_is_a_strided_1x1_convolution():
    net = chain(
        Conv2d(3, 3, LIF, padding=1), Conv2d(4, 3, LIF, padding=1, stride=2),
        Conv2d(5, 3, LIF, padding=1, stride=(1, 3)), Residual("conv1"),
    )  # fmt: skip
    residual = net.incoming("output")[-1]
    assert net.output.shape == (5, 4, 1)
    assert residual.connection == Convolution((2, 5))
    assert residual.weight.shape == (5, 3, 1, 1)
    assert not residual.frozen


def test_a_residual_is_learned_or_not_as_one_says():
    block = (Conv2d(3, 3, LIF, padding=1), Conv2d(3, 3, LIF, padding=1))
    learned = chain(*block, Residual("conv1", learned=True)).projections[-1]
    assert (learned.connection, learned.weight.shape) == (Convolution(1), (3, 3, 1, 1))
    smaller = (Conv2d(3, 3, LIF), Conv2d(3, 3, LIF, padding=1, stride=(2, 1)))
    fixed = chain(*smaller, Residual("conv1", learned=False)).projections[-1]
    assert (fixed.connection, fixed.pool) == (OneToOne(), Pooling("sum", 1, (2, 1)))
    assert (fixed.frozen, fixed.bias, fixed.weight.tolist()) == (True, None, [1])


def test_an_identity_at_every_second_place_is_the_same_on_all_paths():
    rng = np.random.default_rng(5)
    block = (Conv2d(3, 3, ZERO, padding=1), Conv2d(3, 3, ZERO, padding=1, stride=2))
    net = chain(*block, Residual("conv1", learned=False), encoding=Bernoulli(8, signed=True),
                weight_gain=4.0, seed=3)  # fmt: skip
    x = rng.uniform(-1, 1, (3, 2, 7, 5))
    twin = to_torch(net, dtype=torch.float64).record(x)
    assert net.output.shape == (3, 4, 3)
    for path in ("batched", "reference"):
        found = simulate(net, x, backend=Backend(path=path))
        for name, spikes in twin.spikes.items():
            np.testing.assert_array_equal(found.spikes[name], spikes)
    # Without its shortcut the last population fires otherwise.
    without = SpikingNetwork(net.input_shape, net.encoding, net.populations, net.projections[:-1])
    counts = to_torch(without, dtype=torch.float64).record(x).counts["output"]
    assert np.any(counts != twin.counts["output"])
    every = twin.spikes["conv1"][..., ::2, ::2].reshape(8, 3, -1)
    table = net.projections[-1].synapses((3, 7, 5), (3, 4, 3))
    arriving = np.zeros_like(every)
    arriving[..., table.target] = twin.spikes["conv1"].reshape(8, 3, -1)[..., table.source]
    np.testing.assert_array_equal(arriving, every)


def test_initial_weights_may_be_normal():
    gained = chain(Dense(400, LIF), weight_gain=2.0).projections[0].weight
    assert gained.std() == pytest.approx(np.sqrt(2 / 70), rel=0.02)
    assert gained.mean() == pytest.approx(0, abs=0.01)
    uniform = chain(Dense(400, LIF)).projections[0].weight
    assert np.abs(uniform).max() <= 1 / np.sqrt(70)


def test_initial_weights_may_have_a_mean():
    net = chain(Conv2d(200, 3, LIF), Dense(400, LIF), weight_gain=0.5, weight_mean=5.0)
    plain = chain(Conv2d(200, 3, LIF), Dense(400, LIF), weight_gain=0.5)
    for projection, without in zip(net.projections, plain.projections, strict=True):
        more = projection.weight[0].astype(float) - without.weight[0]
        assert more.sum() == pytest.approx(5, abs=1e-3)
        np.testing.assert_array_equal(projection.bias, without.bias)


def test_recurrent_and_feedback_take_a_step():
    net = chain(
        Conv2d(3, (3, 2), LIF, stride=2), Recurrent(), Dense(4, LIF), Recurrent(delay=2 * ms),
        Feedback("conv1", delay="1 ms"), Dense(2, LIF),
    )  # fmt: skip
    back = {p.name: p for p in net.projections if p.feedback}
    assert list(back) == ["conv1_to_conv1", "hidden_to_hidden", "hidden_to_conv1"]
    assert [net.delay_steps(p) for p in back.values()] == [1, 3, 2]
    assert back["hidden_to_conv1"].weight.shape == (18, 4)
    assert net.has_loops
    assert not chain(Dense(2, LIF)).has_loops


def test_feedback_by_a_transposed_convolution():
    net = chain(Conv2d(3, 1, LIF), Conv2d(4, (3, 2), LIF, stride=2),
                Feedback("conv1", (3, 2), stride=2))  # fmt: skip
    (back,) = (p for p in net.projections if p.feedback)
    assert back.connection == TransposedConvolution(2)
    assert back.weight.shape == (4, 3, 3, 2)


# ---------------------------------------------------------------------- the earliest spike


@pytest.mark.parametrize("path", ["batched", "reference", "twin"])
def test_the_earliest_spike_of_a_window_wins_once(path):
    steps, samples = 9, 5
    rng = np.random.default_rng(4)
    first = rng.integers(0, 2 * steps, (samples, 3, 7, 5))  # about half never fire
    raster = (np.arange(steps)[:, None, None, None, None] == first).astype(np.int8)
    net = chain(MaxPool2d((3, 2), stride=2, padding=(1, 0)), shape=(3, 7, 5),
                encoding=Bernoulli(steps))  # fmt: skip
    encoded = EncodedInput(raster=raster)
    if path == "twin":
        twin = to_torch(net, dtype=torch.float64)
        with torch.no_grad():
            found = twin.run(*twin.as_tensors(encoded)).spikes["output"].numpy()
    else:
        found = simulate(net, encoded, backend=Backend(path=path, batch_size=2)).spikes["output"]
    windows = torch.nn.functional.max_pool2d(
        torch.as_tensor(-first, dtype=torch.float64), (3, 2), 2, (1, 0)
    )
    earliest = -windows.numpy()
    expected = np.arange(steps)[:, None, None, None, None] == earliest
    assert 20 < expected.sum() < expected[0].size
    np.testing.assert_array_equal(found, expected)


def test_max_pooling_follows_neurons_that_fire_once():
    net = chain(Conv2d(3, 2, ONCE), MaxPool2d(2), Dense(2, LIF))
    assert net.population("pool1").shape == (3, 3, 2)
    assert net.population("pool1").neuron.parameters["theta"] == 0
    assert net.incoming("pool1")[0].pool == Pooling("sum", 2)
    x = np.random.default_rng(0).uniform(0, 1, (4, 2, 7, 5))
    recording = simulate(net, x)
    assert recording.counts["pool1"].max() == 1
    assert recording.counts["pool1"].sum() > 4
