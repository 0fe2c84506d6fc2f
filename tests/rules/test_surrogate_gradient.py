"""Backpropagation through time against a LIF network unrolled by hand."""

import math

import numpy as np
import pytest
import torch
import unrolled
from brian2 import ms

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import SurrogateGradient, learning_rule
from brianbridge.twin.network import to_torch
from brianbridge.twin.spike_function import SpikeFunction

STEPS = 6
ENCODINGS = {"current": Current(STEPS), "bernoulli": Bernoulli(STEPS)}
#: By name, as functions of v - theta.
SLOPES = {
    "arctan": lambda d, width, scale: scale / (1 + (math.pi * d / width) ** 2),
    "triangle": lambda d, width, scale: scale * torch.relu(1 - (d / width).abs()),
}


def make(model="lif", encoding="current", readout="potential", seed=0, layers=(), **training):
    neuron = neuron_model(model, tau=5 * ms, theta=0.9)
    stack = [Dense(8, neuron), *layers, Dense(6, neuron), Dense(4, neuron)]
    net = SpikingNetwork.sequential((5,), stack, encoding=ENCODINGS[encoding], readout=readout)
    random = np.random.default_rng(seed)
    net = net.with_weights(
        {
            p.name: (
                random.normal(0.2, 0.6, p.weight.shape),
                None if p.bias is None else random.normal(0, 0.1, len(p.weight)),
            )
            for p in net.projections
        }
    )
    twin = to_torch(net, dtype=torch.float64, **training)
    labels = torch.as_tensor(random.integers(0, 4, 8))
    return twin, twin.encode(random.uniform(0, 1, (8, 5))), labels


class Spike(torch.autograd.Function):
    """1 at or above the threshold (above, if `strict`); differentiated by `slope` of v - theta."""

    @staticmethod
    def forward(ctx, distance, strict, slope):
        ctx.save_for_backward(distance)
        ctx.slope = slope
        return (distance > 0 if strict else distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.slope(ctx.saved_tensors[0]), None, None


def lif(slope, model, detach):
    def fire(layer, inputs):
        v, emitted = torch.zeros_like(inputs[0]), []
        for y in inputs:
            v = layer.leak * v + y
            o = Spike.apply(v - layer.theta, model == "lif_zero", slope)
            taken = o.detach() if detach else o
            v = v - layer.theta * taken if model == "lif" else v * (1 - o.detach())
            emitted.append(o)
        return emitted

    return fire


def compare(twin, inputs, labels, rule, fire):
    rule.check(twin.network)
    rule.prepare(twin)
    layers = unrolled.layers_of(twin)
    emitted, last = unrolled.run(layers, unrolled.frames(twin, *inputs), fire)
    if twin.network.readout == "counts":
        output = sum(fire(layers[-1], last))
    else:
        output = torch.zeros_like(last[0])
        for y in last:
            output = layers[-1].leak * output + y
    output = rule.gain * output
    (-output.log_softmax(1)[torch.arange(len(labels)), labels].mean()).backward()
    found = rule.respond(twin, *inputs)
    torch.testing.assert_close(found.output, output, rtol=0, atol=1e-12)
    for layer, spikes in zip(layers, emitted, strict=False):
        assert torch.equal(found.spike_counts(layer.name), sum(spikes))
        assert 0.05 < sum(s.mean() for s in spikes) / len(spikes) < 0.95
    rule.loss(found.output, labels).backward()
    unrolled.assert_same_gradients(twin, layers)


@pytest.mark.parametrize("detach", [False, True], ids=["full", "detached"])
@pytest.mark.parametrize("readout", ["potential", "counts"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("model", ["lif", "lif_zero"])
def test_gradient_is_that_of_the_unrolled_network(model, encoding, readout, detach):
    rule = SurrogateGradient("arctan", width=0.8, scale=0.6, detach_reset=detach, gain=0.5)
    fire = lif(lambda d: SLOPES["arctan"](d, 0.8, 0.6), model, detach)
    compare(*make(model, encoding, readout, seed=1), rule, fire)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_gradient_with_a_batch_normalisation(encoding):
    rule = SurrogateGradient("triangle", width=1.5)
    fire = lif(lambda d: SLOPES["triangle"](d, 1.5, 1.0), "lif", False)
    compare(*make(encoding=encoding, seed=2, batch_norm=True), rule, fire)


def test_without_a_name_the_twins_own_derivative_stays():
    function = SpikeFunction("triangle", 1.2, 0.7, detach_reset=True)
    twin, inputs, labels = make(seed=3, spike_function=function)
    fire = lif(lambda d: SLOPES["triangle"](d, 1.2, 0.7), "lif", True)
    compare(twin, inputs, labels, SurrogateGradient(), fire)
    assert twin.spike_function is function


def test_a_name_renders_the_neurons_anew_and_leaves_the_weights():
    twin, inputs, labels = make(seed=3)
    before = {k: v.clone() for k, v in twin.state_dict().items()}
    spikes = twin.run(*inputs).spikes["hidden1"]
    rule = SurrogateGradient("triangle", width=2.0, scale=0.5, detach_reset=True)
    rule.prepare(twin)
    assert twin.spike_function == SpikeFunction("triangle", 2.0, 0.5, detach_reset=True)
    assert "emit = emit.detach()" in twin.population("hidden1").rendered.source
    assert twin.state_dict().keys() == before.keys()
    assert all(torch.equal(v, before[k]) for k, v in twin.state_dict().items())
    assert torch.equal(twin.run(*inputs).spikes["hidden1"], spikes), "only the gradient differs"
    fire = lif(lambda d: SLOPES["triangle"](d, 2.0, 0.5), "lif", True)
    compare(twin, inputs, labels, rule, fire)


def test_gain_multiplies_the_output():
    twin, inputs, _ = make(seed=4)
    outputs = [SurrogateGradient(gain=g).respond(twin, *inputs).output for g in (1.0, 4.0)]
    assert torch.equal(4 * outputs[0], outputs[1])


def test_feedback_is_differentiated_through_time():
    twin, inputs, labels = make(seed=5, layers=[Recurrent()])
    rule = SurrogateGradient("arctan")
    rule.check(twin.network)
    layers = {p.name: p for p in twin.network.projections}
    rule.loss(rule.respond(twin, *inputs).output, labels).backward()
    leaves = {
        k: v.detach().clone().requires_grad_() for k, v in twin.named_parameters()
    }  # fmt: skip

    def weight(name, what="weight"):
        return leaves[f"projections.{name}.{what}"]

    assert set(layers) == {
        "input_to_hidden1", "hidden1_to_hidden1", "hidden1_to_hidden2", "hidden2_to_output"
    }  # fmt: skip
    leak, (v1, v2, v3) = math.exp(-1 / 5), [torch.zeros(8, n).double() for n in (8, 6, 4)]
    o1 = torch.zeros(8, 8).double()
    for _ in range(STEPS):
        v1 = leak * v1 + inputs[0] @ weight("input_to_hidden1").T
        v1 = v1 + weight("input_to_hidden1", "bias") + o1 @ weight("hidden1_to_hidden1").T
        o1 = Spike.apply(v1 - 0.9, False, lambda d: SLOPES["arctan"](d, 1, 1))
        v1 = v1 - 0.9 * o1
        v2 = leak * v2 + o1 @ weight("hidden1_to_hidden2").T + weight("hidden1_to_hidden2", "bias")
        o2 = Spike.apply(v2 - 0.9, False, lambda d: SLOPES["arctan"](d, 1, 1))
        v2 = v2 - 0.9 * o2
        v3 = leak * v3 + o2 @ weight("hidden2_to_output").T + weight("hidden2_to_output", "bias")
    torch.nn.functional.cross_entropy(v3, labels).backward()
    for name, parameter in twin.named_parameters():
        assert leaves[name].grad.abs().max() > 1e-6
        torch.testing.assert_close(parameter.grad, leaves[name].grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"derivative": "arctann"}, "Did you mean 'arctan'"),
        ({"derivative": "arctan", "width": 0.0}, "width = 0.0; give a finite number above 0"),
        ({"derivative": "arctan", "scale": math.nan}, "scale = nan; give a finite number"),
        ({"width": 0.5}, "name one, such as 'arctan'"),
        ({"scale": 0.5}, "name one, such as 'arctan'"),
        ({"detach_reset": True}, "name one, such as 'arctan'"),
        ({"gain": 0.0}, "gain = 0.0"),
        ({"gain": math.inf}, "gain = inf"),
        ({"widht": 0.5}, "Did you mean 'width'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        learning_rule("surrogate_gradient", **options)
