"""Leak-aware backpropagation against its definition, unrolled over time, and by hand."""

import math

import numpy as np
import pytest
import torch
import unrolled
from brian2 import ms
from leaky_networks import ENCODINGS, STEPS, make

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import LeakyBackprop
from brianbridge.rules.leaky_backprop import leak_corrected, leaky_trace, windowed_credit
from brianbridge.twin.network import to_torch

# ---------------------------------------------------------------------- the definition


class Spike(torch.autograd.Function):
    """1[v > theta]; passes a gradient on where there is a spike, times `factor`."""

    @staticmethod
    def forward(ctx, v, theta, factor):
        spikes = (v > theta).to(v.dtype)
        ctx.save_for_backward(spikes * factor)
        return spikes

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0], None, None


class Leak(torch.autograd.Function):
    """Forget a part, and forget that in the gradient."""

    @staticmethod
    def forward(ctx, v, leak):
        return leak * v

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def integrate(layer, inputs, factor):
    v, spikes = torch.zeros_like(inputs[0]), []
    for y in inputs:
        v = v + y
        o = Spike.apply(v, layer.theta, factor)
        v = Leak.apply(v * (1 - o.detach()), layer.leak)
        spikes.append(o)
    return spikes


def derivative(layer, spikes, correction=True):
    """Return a' of a layer from its spikes: 1 where a pooling neuron fired, else NG/theta."""
    fired = sum(spikes)
    if layer.pooling:
        return (fired > 0).to(fired.dtype)
    leak = layer.leak if correction else torch.tensor(1.0, dtype=fired.dtype)
    trace = sum(leak ** (len(spikes) - 1 - t) * o for t, o in enumerate(spikes))
    gate = (trace > 1e-3).to(fired.dtype)
    loss = torch.log(leak) * trace / torch.where(fired < 1e-3, fired + 1, fired)
    return (gate + loss) / layer.theta


def readout(layer, inputs):
    v = torch.zeros_like(inputs[0])
    for y in inputs:
        v = Leak.apply(v + y, layer.leak)
    return v / len(inputs)


def squared_distance(output, labels):
    total = 0.0
    for row, label in zip(output, labels, strict=True):
        for k, value in enumerate(row):
            total = total + (value - float(k == label)) ** 2
    return total / len(output)


def windowed(layers, frames, labels, *, masks=None, correction=True):
    def fire(layer, inputs):
        with torch.no_grad():
            spikes = integrate(layer, inputs, 1.0)
        return integrate(layer, inputs, derivative(layer, spikes, correction))

    emitted, inputs = unrolled.run(layers, frames, fire, masks)
    output = readout(layers[-1], inputs)
    squared_distance(output, labels).backward()
    return output.detach(), emitted


def counted(layers, frames, labels, *, masks=None, correction=True):
    """Set the gradients to ``delta x`` layer by layer, from the output back."""
    with torch.no_grad():
        emitted, inputs = unrolled.run(
            layers, frames, lambda layer, inputs: integrate(layer, inputs, 1.0), masks
        )
        output = readout(layers[-1], inputs)
    silenced = [masks[layer.name] if masks else 1.0 for layer in layers[:-1]]
    received = [sum(frames)] + [sum(s) * m for s, m in zip(emitted, silenced, strict=True)]
    delta = 2 * (output - torch.eye(4, dtype=output.dtype)[labels]) / len(output) / len(frames)
    for k in range(len(layers) - 1, -1, -1):
        layer, x = layers[k], received[k].clone().requires_grad_()
        free = layer.weighted(x) + len(frames) * layer.constant()  # linear: no more than transposes
        (free * delta).sum().backward()
        if k:
            delta = x.grad * silenced[k - 1]
            delta = delta * derivative(layers[k - 1], emitted[k - 1], correction)
    return output, emitted


DEFINITIONS = {"windowed": windowed, "count": counted}


def compare(twin, inputs, labels, credit, **options):
    layers = unrolled.layers_of(twin)
    output, emitted = DEFINITIONS[credit](layers, unrolled.frames(twin, *inputs), labels, **options)
    rule = LeakyBackprop(credit=credit, correction=options.get("correction", True))
    found = rule.respond(twin, *inputs)
    torch.testing.assert_close(found.output.detach(), output, rtol=0, atol=1e-12)
    for layer, spikes in zip(layers, emitted, strict=False):
        counts = sum(spikes).detach()
        assert torch.equal(found.spike_counts(layer.name).detach(), counts)
        assert (counts > 0).double().mean() > 0.05, "nearly all are silent"
    rule.loss(found.output, labels).backward()
    unrolled.assert_same_gradients(twin, layers)
    return emitted


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("shape", ["dense", "conv"])
@pytest.mark.parametrize("credit", DEFINITIONS)
def test_gradient_is_the_definition(credit, shape, encoding, bias):
    silent = 0
    for seed in range(3 if shape == "dense" else 1):
        emitted = compare(*make(shape, encoding=encoding, bias=bias, seed=seed), credit)
        silent += sum(int((sum(spikes) == 0).sum()) for spikes in emitted)
    assert silent, "some neurons are silent"


@pytest.mark.parametrize("credit", DEFINITIONS)
def test_gradient_without_correction_is_that_of_no_leak(credit):
    compare(*make("dense", seed=4), credit, correction=False)


@pytest.mark.parametrize("shape", ["dense", "conv"])
@pytest.mark.parametrize("credit", DEFINITIONS)
def test_a_mask_of_dropout_holds_for_a_presentation_and_for_its_gradient(credit, shape):
    twin, inputs, labels = make(shape, encoding="bernoulli", seed=5, dropout=0.3)
    draw, masks = twin.mask, {}

    def noted(name, batch):
        assert name not in masks, "one mask a presentation"
        mask = draw(name, batch)
        if mask is not None:
            masks[name] = mask
        return mask

    twin.mask = noted
    torch.manual_seed(0)
    layers = unrolled.layers_of(twin)
    rule = LeakyBackprop(credit=credit)
    output = rule.respond(twin, *inputs).output
    rule.loss(output, labels).backward()
    assert masks.keys() == {layer.name for layer in layers[:-1]}
    assert all(set(m.unique().tolist()) == {0.0, 1 / 0.7} for m in masks.values())
    expected, _ = DEFINITIONS[credit](layers, unrolled.frames(twin, *inputs), labels, masks=masks)
    torch.testing.assert_close(output.detach(), expected, rtol=0, atol=1e-12)
    unrolled.assert_same_gradients(twin, layers)


def test_no_dropout_in_evaluation():
    twin, inputs, _ = make("dense", seed=5, dropout=0.3)
    twin.eval()
    outputs = [LeakyBackprop(credit=c).respond(twin, *inputs).output for c in DEFINITIONS]
    assert torch.equal(outputs[0], outputs[1])


def test_windowed_credit_takes_a_batch_normalisation_through_the_mean_input():
    twin, inputs, labels = make("conv", encoding="bernoulli", seed=6, batch_norm=True)
    compare(twin, inputs, labels, "windowed")


# ---------------------------------------------------------------------- NG


def train_of(*steps_of_spikes, steps=10):
    """Return a raster of one neuron for each tuple of steps with a spike."""
    spikes = torch.zeros(steps, 1, len(steps_of_spikes), dtype=torch.float64)
    for neuron, when in enumerate(steps_of_spikes):
        spikes[list(when), 0, neuron] = 1
    return spikes


def corrected(trains, leak):
    return leak_corrected(leaky_trace(trains, leak), trains.sum(0), leak)


@pytest.mark.parametrize("leak", [0.99, 0.9, 0.6])
def test_the_derivative_is_the_closed_formula(leak):
    trains = [(9,), (0,), (2, 5, 9), (0, 1, 2, 3), tuple(range(10))]
    found = corrected(train_of(*trains), torch.tensor(leak, dtype=torch.float64))
    expected = [
        1 + math.log(leak) * sum(leak ** (9 - t) for t in when) / len(when) for when in trains
    ]
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-13)


def test_silent_neurons_have_no_derivative_and_those_without_a_leak_have_1():
    trains = train_of((), (3,), (1, 2, 8))
    for leak, expected in ((0.8, 0.0), (1.0, 0.0)):
        assert corrected(trains, torch.tensor(leak))[0, 0] == expected
    assert corrected(trains, torch.tensor(1.0))[0].tolist() == [0.0, 1.0, 1.0]


def test_a_spike_that_has_leaked_away_counts_as_silence():
    # 0.4**9 is below 0.001: of the formula only the correction is left.
    found = corrected(train_of((0,), (1,)), torch.tensor(0.4, dtype=torch.float64))
    assert found[0, 0].item() == pytest.approx(math.log(0.4) * 0.4**9)
    found = corrected(train_of((0,)), torch.tensor(0.5, dtype=torch.float64))
    assert found[0, 0].item() == pytest.approx(1 + math.log(0.5) * 0.5**9)


def test_leaks_may_differ_from_neuron_to_neuron():
    leak = torch.tensor([0.9, 0.5], dtype=torch.float64)
    found = corrected(train_of((4, 9), (4, 9)), leak)[0]
    expected = 1 + torch.log(leak) * (1 + leak**5) / 2
    torch.testing.assert_close(found, expected)


# ---------------------------------------------------------------------- windows


def test_a_spike_credits_the_steps_since_the_spike_before_and_the_rest_get_nothing():
    spikes = train_of((2, 5), steps=8)
    received = torch.zeros_like(spikes, requires_grad=True)
    factor = torch.full((1, 1), 0.5, dtype=torch.float64)
    emitted, _ = windowed_credit(spikes, received, torch.zeros(1, 1), lambda: factor)
    assert torch.equal(emitted, spikes)
    gradient = torch.arange(1.0, 9, dtype=torch.float64).reshape(8, 1, 1)
    emitted.backward(gradient)
    assert received.grad.flatten().tolist() == [1.5, 1.5, 1.5, 3.0, 3.0, 3.0, 0.0, 0.0]


def test_pieces_pass_credit_to_the_steps_before():
    spikes = train_of((2, 5), steps=8)
    received = torch.zeros_like(spikes, requires_grad=True)
    after, emitted = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True), []
    factor = torch.full((1, 1), 0.5, dtype=torch.float64)
    for some, given in zip(spikes.split(4), received.split(4), strict=True):
        found, after = windowed_credit(some, given, after, lambda: factor)
        emitted.append(found)
    torch.cat(emitted).backward(torch.arange(1.0, 9, dtype=torch.float64).reshape(8, 1, 1))
    assert received.grad.flatten().tolist() == [1.5, 1.5, 1.5, 3.0, 3.0, 3.0, 0.0, 0.0]


@pytest.mark.parametrize(("credit", "late"), [("windowed", False), ("count", True)])
def test_input_after_the_last_spike(credit, late):
    # The first synapse makes the neuron fire at once; the second brings input later.
    hidden, output = (neuron_model("lif_zero", tau=20 * ms) for _ in range(2))
    net = SpikingNetwork.sequential(
        (2,), [Dense(1, hidden), Dense(2, output)], encoding=Bernoulli(4), readout="potential"
    )
    weights = {
        "input_to_hidden": (np.array([[1.5, 0.3]]), np.zeros(1)),
        "hidden_to_output": (np.array([[1.0], [-1.0]]), np.zeros(2)),
    }
    twin = to_torch(net.with_weights(weights), dtype=torch.float64)
    raster = torch.tensor([[1, 0], [0, 1], [0, 1], [0, 0]], dtype=torch.float64).reshape(4, 1, 2)
    found = LeakyBackprop(credit=credit).respond(twin, None, raster)
    assert found.spike_counts("hidden").item() == 1
    found.output[0, 0].backward()
    gradient = twin.projections["input_to_hidden"].weight.grad[0]
    assert gradient[0] != 0
    assert (gradient[1] != 0) == late


# ---------------------------------------------------------------------- output and loss


@pytest.mark.parametrize("credit", DEFINITIONS)
def test_output_is_the_leaked_potential_over_the_steps(credit):
    twin, inputs, _ = make("dense", seed=1, tau=5 * ms)
    potential = twin.run(*inputs).output
    for gain in (1.0, 2.5):
        output = LeakyBackprop(credit=credit, gain=gain).respond(twin, *inputs).output
        expected = gain * math.exp(-1 / 5) * potential / STEPS
        torch.testing.assert_close(output, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("credit", DEFINITIONS)
def test_the_gradient_of_the_output_knows_no_leak(credit):
    twin, inputs, _ = make("dense", seed=1, tau=5 * ms)
    counts = twin.run(*inputs).spikes["hidden2"].sum(0)
    output = LeakyBackprop(credit=credit, gain=3.0).respond(twin, *inputs).output
    output[:, 2].sum().backward()
    gradient = twin.projections["hidden2_to_output"].weight.grad
    torch.testing.assert_close(gradient[2], 3.0 * counts.sum(0) / STEPS, rtol=1e-12, atol=0)
    assert not gradient[[0, 1, 3]].any()


@pytest.mark.parametrize("credit", DEFINITIONS)
def test_a_current_straight_into_the_output_counts_in_every_step(credit):
    net = SpikingNetwork.sequential(
        (3,), [Dense(2, neuron_model("lif_zero"))], encoding=Current(5), readout="potential"
    )
    twin = to_torch(net, dtype=torch.float64)
    inputs = twin.encode(np.array([[0.5, 0.0, 2.0]]))
    LeakyBackprop(credit=credit).respond(twin, *inputs).output.sum().backward()
    weights = twin.projections["input_to_output"]
    torch.testing.assert_close(weights.weight.grad, inputs[0].expand(2, 3))
    torch.testing.assert_close(weights.bias.grad, torch.ones(2, dtype=torch.float64))


def test_loss_is_the_squared_distance_to_one_hot_labels():
    output = torch.tensor([[1.0, 0.0, 0.5], [0.0, -1.0, 2.0]])
    labels = torch.tensor([0, 1])
    assert LeakyBackprop().loss(output, labels).item() == pytest.approx((0.25 + 8.0) / 2)
    entropy = LeakyBackprop(loss_function="cross_entropy").loss(output, labels)
    expected = -(output[0] - output[0].exp().sum().log())[0] - (
        output[1] - output[1].exp().sum().log()
    )[1]  # fmt: skip
    assert entropy.item() == pytest.approx(expected.item() / 2)


def test_names_of_threshold_and_time_constant_may_differ():
    twin, inputs, labels = make("dense", seed=2)
    renamed = NeuronModel(
        "dv/dt = -v/T_m + drive : 1\ndrive : Hz", emit="int(v > bar)", reset="v = 0",
        drive="drive", parameters={"T_m": 8 * ms, "bar": 1.2},
    )  # fmt: skip
    net = SpikingNetwork.sequential(
        (5,), [Dense(9, renamed), Dense(7, renamed), Dense(4, renamed)],
        encoding=twin.network.encoding, readout="potential",
    )  # fmt: skip
    with pytest.raises(InputError, match="no parameter 'theta'"):
        LeakyBackprop().check(net)
    rule = LeakyBackprop(threshold="bar", tau="T_m")
    rule.check(net)
    same = to_torch(
        net.with_weights({p.name: (p.weight, p.bias) for p in twin.network.projections}),
        dtype=torch.float64,
    )
    for one, by in ((twin, LeakyBackprop()), (same, rule)):
        by.loss(by.respond(one, *inputs).output, labels).backward()
    for a, b in zip(twin.parameters(), same.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)
