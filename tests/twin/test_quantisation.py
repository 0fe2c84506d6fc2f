"""Weights of few bits: on the grid, exactly so in float32, and with a gradient that passes by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from brianbridge.encoding import Bernoulli, Current
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    MaxPool2d,
    OneToOne,
    Population,
    Projection,
    Recurrent,
    Sparse,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import to_torch
from brianbridge.twin.quantisation import Quantisation

IF = neuron_model("if", theta=0.75)


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


# ---------------------------------------------------------------------- the grid


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("clip", [0.0, 2.5])
@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_weights_are_on_a_grid_that_holds_the_threshold(bits, per, clip, dtype):
    quantisation = Quantisation(bits, per, clip)
    for theta in (0.01, 1.0, 37.0):
        weight = drawn(6, 5, 3, 3, dtype=dtype)
        rounded, step = quantisation(weight, theta), quantisation.step(weight, theta)
        assert rounded.dtype == dtype
        assert step.shape == ((1, 1, 1, 1) if per == "tensor" else (6, 1, 1, 1))
        number = theta / step.double()
        assert torch.equal(step, theta / number.round().to(dtype)), "theta is m steps"
        assert (number.round() >= 1).all()
        assert (number.round() <= 2**16 - 1).all()
        k = (rounded.double() / step.double()).round()
        assert torch.equal((k.to(dtype) * step), rounded), "exact multiples"
        assert k.abs().max() <= 2 ** (bits - 1) - 1
        for part in [rounded] if per == "tensor" else rounded:
            assert len(part.unique()) <= 2**bits - 1
        # Each is the nearest of the grid, or its end.
        end = (2 ** (bits - 1) - 1) * step
        inside = weight.abs() <= end
        off = (rounded - weight).abs()
        assert (off <= step * 0.51)[inside].all()  # 16 bits and 24 of float32 leave some
        assert (rounded.abs() == end.expand_as(rounded))[~inside].all()


def test_a_grid_by_hand():
    weight = torch.tensor([[0.9, -0.31, 0.12], [0.1, -0.05, 0.02]], dtype=torch.float64)
    of = {"dtype": torch.float64}
    # 3 bits reach to 3 steps: 0.9/3 is 1/3 of theta, or rather 0.1/3 is 1/30 of it.
    tensor, channel = (Quantisation(3, per)(weight, 1.0) for per in ("tensor", "channel"))
    third = torch.tensor([[3, -1, 0], [0, 0, 0]], **of) / 3
    torch.testing.assert_close(tensor, third, rtol=0, atol=1e-15)
    torch.testing.assert_close(channel[0], third[0], rtol=0, atol=1e-15)
    torch.testing.assert_close(channel[1], torch.tensor([3, -2, 1], **of) / 30, rtol=0, atol=1e-15)
    # A range of one root mean square, 0.5, clips what is beyond: 0.5/3 is 1/6 of theta.
    weight = torch.tensor([[0.1, -0.1, 0.7, 0.7]], **of)
    found = Quantisation(3, clip=1.0)(weight, 1.0)
    expected = torch.tensor([[1, -1, 3, 3]], **of) / 6
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)


def test_a_range_in_root_mean_squares_is_at_most_the_largest_weight():
    weight = torch.tensor([[0.5], [0.5]])  # which have no deviation from each other
    assert torch.equal(Quantisation(8, clip=3.0)(weight, 1.0), Quantisation(8)(weight, 1.0))
    assert Quantisation(8, clip=3.0)(weight, 1.0)[0, 0].item() == pytest.approx(0.5, rel=0.01)
    one = Quantisation(8, "channel", clip=3.0)(torch.tensor([[0.5], [0.02]]), 1.0)
    torch.testing.assert_close(one, torch.tensor([[0.5], [0.02]]), rtol=0.01, atol=0)


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_the_grid_ends_near_the_range(bits):
    quantisation, largest = Quantisation(bits, threshold_bits=22), 2 ** (bits - 1) - 1
    for theta in np.geomspace(1 / largest, 1000, 60):
        step = quantisation.step(torch.ones(1, 1, dtype=torch.float64), theta).item()
        number = round(theta / step)
        assert abs(largest * step - 1) <= 1 / (2 * number) + 1e-12


def test_weights_above_what_a_threshold_of_one_step_allows_are_clipped():
    weight = torch.tensor([[100.0, -7.0, 2.2, 0.4]])
    found = Quantisation(4)(weight, 1.0)
    assert found.tolist() == [[7, -7, 2, 0]]


def test_weights_far_below_the_threshold_have_a_coarser_grid_and_are_not_clipped():
    weight = torch.tensor([[0.9, -0.5, 0.1]], dtype=torch.float64)
    coarse = Quantisation(8, threshold_bits=3)
    assert coarse.step(weight, 7.0).item() == 1.0, "7 steps, and not 988"
    assert coarse(weight, 7.0).tolist() == [[1, 0, 0]]
    assert coarse(weight, 70.0).tolist() == [[0, 0, 0]]
    largest = Quantisation(8, threshold_bits=22)
    step = largest.step(torch.tensor([[1e-9]]), 0.3)
    assert round(0.3 / step.item()) == 2**22 - 1


def test_no_weights_make_no_trouble():
    for dtype in (torch.float32, torch.float64):
        found = Quantisation(4, clip=2.0)(torch.zeros(2, 3, dtype=dtype), 1.0)
        assert torch.equal(found, torch.zeros(2, 3, dtype=dtype))


@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_the_gradient_passes_straight_through(per):
    weight = (3 * drawn(4, 50)).requires_grad_()
    found = Quantisation(3, per, clip=0.5)(weight, 0.1)
    largest = found.abs().amax(1, keepdim=True)
    assert ((weight.abs() > 1.5 * largest).any(1)).all(), "some are clipped"
    onto = drawn(4, 50, seed=1)
    found.backward(onto)
    assert torch.equal(weight.grad, onto)


# ---------------------------------------------------------------------- in a twin


def network(encoding=None, readout="potential") -> SpikingNetwork:
    """Return one with a pooling inside, and pooling neurons, whose weight 1 is fixed."""
    layers = [
        Conv2d(3, 3, IF), AvgPool2d(2), Conv2d(4, 2, IF), AvgPool2d(2, IF), Dense(5, IF),
        Dense(3, IF),
    ]  # fmt: skip
    return SpikingNetwork.sequential(
        (1, 8, 8), layers, encoding=encoding or Current(6), readout=readout, weight_gain=2.0
    )


@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_what_is_written_back_is_on_the_grid_and_is_what_the_twin_computed(per):
    quantisation = Quantisation(4, per)
    net = network(readout="counts")
    (pooling,) = [p for p in net.projections if p.frozen]
    fixed = np.full(1, 1.3, np.float32)  # on no grid of these
    net = net.with_weights({pooling.name: (fixed, None)})
    twin = to_torch(net, quantisation=quantisation)
    x = np.random.default_rng(0).uniform(0, 3, (7, 1, 8, 8)).astype(np.float32)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.02)
    for _ in range(3):
        (twin(x) - 3).square().mean().backward()
        optimizer.step()
    trained = write_back(twin)
    frozen = 0
    for projection in trained.projections:
        weights = twin.projection(projection.name)
        if projection.frozen:
            frozen += 1
            assert projection.weight == fixed
            continue
        assert projection.weight.dtype == np.float32
        # The output counts spikes, so that its threshold is that of the others.
        step = quantisation.step(weights.weight.detach(), 0.75).numpy()
        k = np.rint(projection.weight / step)
        np.testing.assert_array_equal(k.astype(np.float32) * step, projection.weight)
        assert 3 <= np.abs(k).max() <= 7
        assert not np.array_equal(projection.weight, weights.weight.detach())
        np.testing.assert_array_equal(projection.bias, weights.bias.detach())
    assert frozen == 1
    plain = to_torch(trained)
    with torch.no_grad():
        inputs = twin.encode(x)
        training, evaluated = twin.train().run(*inputs), twin.eval().run(*inputs)
        written = plain.run(*inputs)
    for name, spikes in written.spikes.items():
        assert spikes.any(), name
        assert torch.equal(training.spikes[name], spikes)
        assert torch.equal(evaluated.spikes[name], spikes)
    recorded = twin.record(x)
    assert recorded.output.tolist() == written.output.tolist()


def test_an_output_that_does_not_fire_has_steps_of_one():
    twin = to_torch(network(), quantisation=Quantisation(8))
    found = write_back(twin).projections[-1]
    k = np.rint(found.weight / Quantisation(8).step(twin.projection(found.name).weight, 1.0).item())
    assert 1 / np.abs(found.weight[k == 1][0]) == pytest.approx(
        round(1 / np.abs(found.weight[k == 1][0])), abs=1e-4
    )


def test_lists_of_weights_share_a_step():
    a, b = Population("a", (4,), IF), Population("b", (4,), IF)
    single, listed = np.array([1.0, 0.3, -0.6, 0.05]), np.array([0.5, 0.24])
    net = SpikingNetwork(
        (4,), Bernoulli(3), (a, b),
        (
            Projection("input", "a", single, None, OneToOne()),
            Projection("a", "b", listed, None, Sparse([0, 3], [1, 2])),
        ),
    )  # fmt: skip
    for per in ("tensor", "channel"):
        twin = to_torch(net, dtype=torch.float64, quantisation=Quantisation(3, per))
        found = {p.name: p.weight for p in write_back(twin).projections}
        # 1/3 is 0.44 of theta, which makes 2 steps; 0.5/3 makes 4 or 5 (0.75/0.1667 = 4.5).
        np.testing.assert_allclose(found["input_to_a"], 0.375 * np.array([3, 1, -2, 0]), atol=1e-15)
        np.testing.assert_allclose(found["a_to_b"], 0.75 / 4 * np.array([3, 1]), atol=1e-15)


def test_networks_with_feedback_are_rounded_too():
    net = SpikingNetwork.sequential(
        (3,), [Dense(4, IF), Recurrent(), Dense(2, IF)], encoding=Bernoulli(4)
    )
    trained = write_back(to_torch(net, quantisation=Quantisation(2)))
    assert all(len(np.unique(p.weight)) <= 3 for p in trained.projections)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("bits", 1), ("bits", 17), ("per", "row"), ("clip", -1.0), ("clip", float("nan")),
        ("threshold_bits", 0), ("threshold_bits", 23),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(refused, option, value):
    with refused("quantisation", option, repr(value), "out of range"):
        Quantisation(**{option: value})


def test_batch_norm_beside_it_is_refused(refused):
    with refused("quantisation with batch_norm", "written-back network"):
        to_torch(network(), quantisation=Quantisation(), batch_norm=True)


def test_neurons_without_a_single_threshold_are_refused(refused):
    def named(**parameters):
        (name,) = parameters
        return NeuronModel(
            "dv/dt = drive : 1\ndrive : Hz", emit=f"int(v >= {name})", reset="v = 0", receive="v",
            drive="drive", parameters=parameters, name="other",
        )  # fmt: skip

    for model in (named(bar=1.0), named(theta=np.array([1.0, 2.0])), named(theta=-1.0)):
        net = SpikingNetwork.sequential((3,), [Dense(2, model)], encoding=Bernoulli(3))
        with refused("quantisation", "'output'", "'other'", "no single threshold 'theta'"):
            to_torch(net, quantisation=Quantisation())


def test_a_threshold_of_fixed_weights_alone_does_not_matter():
    once = neuron_model("single_spike_if")
    net = SpikingNetwork.sequential(
        (1, 4, 4), [Conv2d(2, 1, once), MaxPool2d(2), Dense(3, once)], encoding=Bernoulli(3)
    )
    twin = to_torch(net, quantisation=Quantisation(4))
    assert net.population("pool1").neuron.parameters["theta"] == 0
    assert write_back(twin).projections[1].weight.tolist() == [1.0]


def test_a_step_for_each_channel_of_a_transposed_convolution_is_refused(refused):
    net = SpikingNetwork.sequential(
        (1, 4, 4),
        [Conv2d(2, 2, IF), Conv2d(3, 2, IF), Feedback("conv1", kernel=2), Dense(2, IF)],
        encoding=Bernoulli(3),
    )
    with refused("quantisation", "'conv2_to_conv1'", "conv_transpose2d", "per = 'tensor'"):
        to_torch(net, quantisation=Quantisation(per="channel"))
    to_torch(net, quantisation=Quantisation())
