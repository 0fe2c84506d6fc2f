"""What rules that learn layer by layer share: delays, normalisation, masks, refusals."""

import numpy as np
import pytest
import torch
import unrolled
from brian2 import ms

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Conv2d, Dense, Recurrent, Residual, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import LeakyBackprop, SpikeCount
from brianbridge.rules.layer_checks import check_threshold
from brianbridge.rules.layerwise import parameter_tensor, with_gradient
from brianbridge.twin.network import to_torch

STEPS = 9
THETA = 1.3
ENCODINGS = {"current": Current(STEPS), "bernoulli": Bernoulli(STEPS, signed=True)}
RULES = [SpikeCount(), LeakyBackprop(credit="windowed"), LeakyBackprop(credit="count")]


def make(shape, encoding, *, seed=0, delays=(0, 0, 0), **training):
    neuron = neuron_model("if", theta=THETA)
    first, second, third = (delay * ms for delay in delays)
    if shape == "dense":
        size, layers = (5,), [Dense(9, neuron, delay=first), Dense(6, neuron, delay=second)]
    else:
        size = (2, 5, 5)
        layers = [
            Conv2d(3, 3, neuron, padding=1, delay=first),
            Conv2d(4, 2, neuron, delay=second),
        ]
    net = SpikingNetwork.sequential(
        size, [*layers, Dense(4, neuron, delay=third)],
        encoding=ENCODINGS[encoding], readout="potential",
    )  # fmt: skip
    random = np.random.default_rng(seed)
    net = net.with_weights(
        {
            p.name: (random.normal(0.2, 0.5, p.weight.shape), random.normal(0, 0.1, len(p.weight)))
            for p in net.projections
        }
    )
    twin = to_torch(net, dtype=torch.float64, **training)
    for module in twin.projections.values():
        if module.norm is not None:
            with torch.no_grad():
                module.norm.gamma += torch.as_tensor(random.uniform(0, 1, len(module.norm.gamma)))
                module.norm.beta += torch.as_tensor(random.uniform(0, 1, len(module.norm.beta)))
    x = random.uniform(-1 if encoding == "bernoulli" else 0, 1, (8, *size))
    return twin, twin.encode(x), torch.as_tensor(random.integers(0, 4, 8))


def integrate_and_fire(layer, inputs):
    v, emitted = torch.zeros_like(inputs[0]), []
    for y in inputs:
        v = v + y
        o = (v >= layer.theta).to(v.dtype)
        v = v - layer.theta * o
        emitted.append(o)
    return emitted


def spike_counts(layers, frames, labels):
    """Set the gradients of an analog network of the spiking one's counts, by autograd."""
    with torch.no_grad():
        emitted, inputs = unrolled.run(layers, frames, integrate_and_fire)
        output = sum(inputs)
    steps, count = len(frames), sum(frames)
    for k, layer in enumerate(layers):
        source = emitted[k - 1] if k else frames
        arrived = sum(source[: steps - layer.delay])
        count = arrived + (count - count.detach())
        mean = layer.weighted(count) / steps
        if layer.gamma is None:
            free = steps * (mean + layer.constant())
        else:
            scale, shift = layer.normalisation(mean)
            free = steps * (scale * mean + shift)
        slope = (free > 0).to(free.dtype) / layer.theta if k + 1 < len(layers) else 1.0
        value = sum(emitted[k]) if k + 1 < len(layers) else output
        count = value + slope * (free - free.detach())
    torch.nn.functional.cross_entropy(count, labels).backward()
    return output


def compare(twin, inputs, labels):
    layers = unrolled.layers_of(twin)
    output = spike_counts(layers, unrolled.frames(twin, *inputs), labels)
    rule = SpikeCount()
    found = rule.respond(twin, *inputs).output
    torch.testing.assert_close(found.detach(), output, rtol=0, atol=1e-11)
    rule.loss(found, labels).backward()
    unrolled.assert_same_gradients(twin, layers)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("shape", ["dense", "conv"])
def test_both_branches_are_normalised_by_the_mean_input(shape, encoding):
    compare(*make(shape, encoding, seed=1, batch_norm=True))


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch norm"])
@pytest.mark.parametrize("shape", ["dense", "conv"])
def test_what_arrives_after_the_end_does_not_count(shape, batch_norm):
    compare(*make(shape, "bernoulli", seed=2, delays=(2, 4, 1), batch_norm=batch_norm))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_statistics_of_a_batch_are_noted_once(rule):
    twin, inputs, _ = make("dense", "bernoulli", seed=3, batch_norm=True)
    norm = twin.projections["input_to_hidden1"].norm
    mean = (inputs[1].mean(0) @ twin.projections["input_to_hidden1"].weight.T).detach()
    rule.respond(twin, *inputs)
    torch.testing.assert_close(norm.mean, 0.1 * mean.mean(0))
    torch.testing.assert_close(norm.variance, 0.9 + 0.1 * mean.var(0))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_evaluation_notes_nothing_and_uses_what_was_noted(rule):
    twin, inputs, labels = make("dense", "bernoulli", seed=3, batch_norm=True)
    rule.respond(twin, *inputs)
    twin.eval()
    before = {k: v.clone() for k, v in twin.state_dict().items()}
    response = rule.respond(twin, *inputs)
    rule.loss(response.output, labels).backward()
    assert all(torch.equal(v, before[k]) for k, v in twin.state_dict().items())
    counts = twin.run(*inputs).spikes["hidden2"].sum(0)
    assert torch.equal(response.spike_counts("hidden2"), counts)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_late_spike_is_lost_to_the_output(rule):
    # One input spike, in the last step but one; the hidden neuron hands it on at once.
    neuron = neuron_model("if")
    raster = torch.zeros(4, 1, 1, dtype=torch.float64)
    raster[2] = 1
    for delay, arrives in ((1, True), (2, False)):
        net = SpikingNetwork.sequential(
            (1,),
            [Dense(1, neuron, bias=False), Dense(2, neuron, bias=False, delay=delay * ms)],
            encoding=Bernoulli(4), readout="potential",
        )  # fmt: skip
        weights = {p.name: (np.full_like(p.weight, 1.5), None) for p in net.projections}
        twin = to_torch(net.with_weights(weights), dtype=torch.float64)
        response = rule.respond(twin, None, raster)
        assert response.spike_counts("hidden").item() == 1
        assert (response.output != 0).all() == arrives
        response.output.sum().backward()
        gradient = twin.projections["hidden_to_output"].weight.grad
        assert (gradient != 0).all() == arrives


def test_two_ways_into_a_population_add_up():
    neuron = neuron_model("if", theta=THETA)
    layers = [Dense(6, neuron), Dense(6, neuron), Residual("hidden1"), Dense(4, neuron)]
    net = SpikingNetwork.sequential(
        (5,), layers, encoding=ENCODINGS["current"], readout="potential", weight_gain=4.0
    )
    twin = to_torch(net, dtype=torch.float64)
    inputs = twin.encode(np.random.default_rng(0).uniform(0, 1, (8, 5)))
    output = SpikeCount().respond(twin, *inputs).output
    output[:, 0].sum().backward()
    w = {p.name: torch.as_tensor(p.weight, dtype=torch.float64) for p in net.projections}
    b = {p.name: p.bias for p in net.projections}
    c1, c2 = (twin.run(*inputs).spikes[n].sum(0).detach() for n in ("hidden1", "hidden2"))
    v1 = STEPS * (inputs[0] @ w["input_to_hidden1"].T + torch.as_tensor(b["input_to_hidden1"]))
    v2 = c1 @ w["hidden1_to_hidden2"].T + c1 + STEPS * torch.as_tensor(b["hidden1_to_hidden2"])
    delta2 = w["hidden2_to_output"][0] * (v2 > 0) / THETA
    delta1 = (delta2 @ w["hidden1_to_hidden2"] + delta2) * (v1 > 0) / THETA
    assert c2.any()
    expected = STEPS * delta1.T @ inputs[0]
    gradient = twin.projections["input_to_hidden1"].weight.grad
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-10)


def test_a_substitute_has_one_tensors_value_and_anothers_gradient():
    value = torch.tensor([3.0, 4.0], requires_grad=True)
    potential = torch.tensor([0.1, 0.2], requires_grad=True)
    found = with_gradient(value, potential, torch.tensor([2.0, 0.0]))
    found.backward(torch.tensor([5.0, 7.0]))
    assert found.tolist() == [3.0, 4.0]
    assert value.grad is None
    assert potential.grad.tolist() == [10.0, 0.0]


def test_parameters_are_si_numbers_in_the_shape_of_the_neurons():
    model = NeuronModel(
        "dv/dt = (drive - v)/tau : 1\ndrive : 1", emit="int(v >= theta)", reset="v = 0",
        drive="drive", parameters={"tau": 5 * ms, "theta": np.array([1.0, 2.0, 3.0])},
    )  # fmt: skip
    net = SpikingNetwork.sequential((2,), [Dense(3, model)], encoding=Current(2))
    twin, like = to_torch(net, dtype=torch.float64), torch.zeros(7, 3, dtype=torch.float64)
    assert parameter_tensor(twin, "output", "tau", like).item() == 5e-3
    assert parameter_tensor(twin, "output", "theta", like).tolist() == [1.0, 2.0, 3.0]


def test_what_cannot_be_computed_layer_by_layer_is_refused():
    neuron = neuron_model("if")
    loop = SpikingNetwork.sequential(
        (2,), [Dense(3, neuron), Recurrent(), Dense(2, neuron)], encoding=Current(4)
    )
    with pytest.raises(InputError, match=r"'spike_count' works layer by layer"):
        SpikeCount().check(loop)
    plain = SpikingNetwork.sequential((2,), [Dense(3, neuron)], encoding=Current(4))
    with pytest.raises(InputError, match="rule 'mine': neuron model 'if' has no parameter 'bar'"):
        check_threshold(plain, "mine", "bar")
