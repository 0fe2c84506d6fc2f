"""The spike-count rule's gradient against its formula, written out in NumPy."""

import numpy as np
import pytest
import torch

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import SpikeCount, learning_rule
from brianbridge.twin.network import to_torch

STEPS = 7


def make(neuron, encoding, readout, seed):
    generator = np.random.default_rng(seed)
    layers = [Dense(9, neuron), Dense(6, neuron), Dense(4, neuron)]
    net = SpikingNetwork.sequential((5,), layers, encoding=encoding, readout=readout)
    net = net.with_weights(
        {
            p.name: (
                generator.normal(0.2, 0.6, p.weight.shape),
                generator.normal(0, 0.1, len(p.weight)),
            )
            for p in net.projections
        }
    )
    return to_torch(net, dtype=torch.float64), generator


def formula(twin, inputs, labels, theta, gate):
    """Return the gradient of the mean cross-entropy, layer by layer, from the paper's rule."""
    with torch.no_grad():
        activity = twin.run(*inputs)
    current, raster = inputs
    counts = [(STEPS * current if current is not None else raster.sum(0)).numpy()]
    potentials, weights = [], []
    for name, projection in zip(twin.populations, twin.projections.values(), strict=True):
        w, b = projection.weight.detach().numpy(), projection.bias.detach().numpy()
        weights.append(w)
        potentials.append(counts[-1] @ w.T + STEPS * b)
        if name in activity.spikes:
            counts.append(activity.spikes[name].sum(0).numpy())
    output = activity.output.detach().numpy()
    odds = np.exp(output - output.max(1, keepdims=True))
    delta = (odds / odds.sum(1, keepdims=True) - np.eye(output.shape[1])[labels]) / len(labels)
    gradients = {}
    for layer in reversed(range(len(weights))):
        if len(counts) > layer + 1:  # the population fires
            opened = potentials[layer] > 0 if gate == "potential" else counts[layer + 1] > 0
            delta = delta * opened / theta
        gradients[layer] = (delta.T @ counts[layer], STEPS * delta.sum(0))
        delta = delta @ weights[layer]
    return gradients


@pytest.mark.parametrize("gate", ["potential", "count"])
@pytest.mark.parametrize("readout", ["potential", "counts"])
@pytest.mark.parametrize(
    "encoding", [Current(STEPS), Bernoulli(STEPS, signed=True)], ids=["current", "bernoulli"]
)
@pytest.mark.parametrize("name", ["if", "lif", "ternary_if", "multi_threshold_lif"])
def test_gradient_is_the_formula(name, encoding, readout, gate):
    theta = 1.3
    twin, generator = make(neuron_model(name, theta=theta), encoding, readout, seed=3)
    x = generator.uniform(-1 if encoding.kind == "bernoulli" else 0, 1, (11, 5))
    labels = generator.integers(0, 4, 11)
    inputs = twin.encode(x)
    rule = SpikeCount(gate=gate)
    output = rule.respond(twin, *inputs).output
    assert torch.equal(output, twin.run(*inputs).output), "the value is the spiking network's"
    rule.loss(output, torch.as_tensor(labels)).backward()
    expected = formula(twin, inputs, labels, theta, gate)
    for layer, projection in enumerate(twin.projections.values()):
        weight, bias = expected[layer]
        assert np.abs(weight).max() > 1e-6, "a gradient of 0 would prove nothing"
        np.testing.assert_allclose(projection.weight.grad.numpy(), weight, rtol=0, atol=1e-10)
        np.testing.assert_allclose(projection.bias.grad.numpy(), bias, rtol=0, atol=1e-10)


def test_presynaptic_factor_is_the_spiking_count_not_the_analog_one():
    twin, generator = make(neuron_model("if"), Current(STEPS), "potential", seed=0)
    inputs = twin.encode(generator.uniform(0, 1, (20, 5)))
    counts = twin.run(*inputs).spikes["hidden1"].sum(0).detach()
    analog = torch.relu(STEPS * twin.projections["input_to_hidden1"](inputs[0])).detach()
    assert (counts - analog).abs().max() > 1, "saturated neurons: the two differ"


def test_thresholds_of_another_name_and_per_neuron():
    model = NeuronModel(
        "dv/dt = drive : 1\ndrive : Hz", emit="int(v >= bar)", reset="v -= bar*emit",
        drive="drive", parameters={"bar": np.array([1.0, 2.0])},
    )  # fmt: skip
    net = SpikingNetwork.sequential(
        (3,),
        [Dense(2, model), Dense(2, neuron_model("if"))],
        encoding=Current(4),
        readout="potential",
    )
    with pytest.raises(InputError, match="no parameter 'theta'"):
        SpikeCount().check(net)
    single = SpikingNetwork.sequential((3,), [Dense(2, model)], encoding=Current(4))
    rule = SpikeCount(threshold="bar")
    rule.check(single)
    twin = to_torch(single, dtype=torch.float64)
    output = rule.respond(twin, *twin.encode(np.full((1, 3), 5.0))).output
    output.sum().backward()
    gradient = twin.projections["input_to_output"].weight.grad
    opened = gradient.abs().sum(1) > 0
    ratio = gradient[:, 0] * torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert torch.allclose(ratio[opened], torch.full_like(ratio[opened], 20.0))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("spike_cuont", {}, "Did you mean 'spike_count'"),
        ("spike_count", {"gat": "count"}, "Did you mean 'gate'"),
        ("spike_count", {"gate": "both"}, "gate = 'both'. Choose from"),
    ],
)
def test_wrong_names_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        learning_rule(name, **options)
