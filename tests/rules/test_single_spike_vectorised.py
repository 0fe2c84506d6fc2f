"""Single spikes without a loop: the same spikes as step by step, gradients as their formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.network import Conv2d, Dense, MaxPool2d, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import SingleSpikeVectorised
from brianbridge.rules.single_spike.linear_response import linear_response
from brianbridge.rules.single_spike.vectorised import first_crossings
from brianbridge.training import train
from brianbridge.twin.network import to_torch
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.spike_function import SpikeFunction

LIF, IF = neuron_model("single_spike_lif"), neuron_model("single_spike_if")
T = 9
#: A synaptic current between spike and membrane.
CURRENT = NeuronModel(
    name="single_spike_cuba",
    equations="dv/dt = (c - v)/tau : 1\ndc/dt = -c/tau_c : 1\nfired : boolean",
    emit="int(v > theta and not fired)", reset="fired = True", receive="c", method="exact",
    parameters={"tau": 7 * ms, "tau_c": 3 * ms, "theta": 0.2},
)  # fmt: skip


def network(layers, shape=(2, 7, 6), seed=0, **options):
    options = {"encoding": Latency(T), "readout": "potential", "weight_gain": 8.0} | options
    return SpikingNetwork.sequential(shape, layers, seed=seed, **options)


NETWORKS = {
    "dense": lambda seed: network([Dense(30, LIF), Dense(5, LIF)], (17,), seed),
    "no leak": lambda seed: network([Dense(30, IF), Dense(5, neuron_model("if"))], (17,), seed),
    "convolution": lambda seed: network(
        [Conv2d(4, 3, LIF, bias=False), MaxPool2d(2), Dense(5, IF, bias=False)], seed=seed
    ),
    "synaptic current": lambda seed: network(
        [Dense(30, CURRENT, bias=False), Dense(5, CURRENT, bias=False)], (17,), seed,
        weight_gain=60.0,
    ),
    "delayed": lambda seed: network(
        [Dense(30, LIF, delay="2 ms"), Dense(5, LIF, delay="1 ms")], (17,), seed
    ),
    "a current": lambda seed: network(
        [Dense(30, LIF), Dense(5, LIF)], (17,), seed, encoding=Current(T), weight_gain=0.5
    ),
    "graded and repeated input": lambda seed: network(
        [Dense(30, LIF), Dense(5, LIF)], (17,), seed, encoding=Bernoulli(T), weight_gain=1.0
    ),
}  # fmt: skip


def samples(net, number=20, seed=1):
    x = np.random.default_rng(seed).random((number, *net.input_shape))
    return np.where(x < 0.3, 0, x)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_spikes_are_those_of_the_steps(name, seed):
    net = NETWORKS[name](seed)
    twin = to_torch(net, dtype=torch.float64)
    inputs = twin.encode(samples(net))
    rule = SingleSpikeVectorised()
    rule.check(net)
    spikes, _ = rule._forward(twin, *inputs)
    expected = twin.run(*inputs)
    for population, emitted in expected.spikes.items():
        assert emitted.sum(0).max() == 1
        assert torch.equal(spikes[population], emitted)
        assert 0.02 < emitted.sum(0).mean() < 0.98, "some fire and some do not"
    response = rule.respond(twin, *inputs)
    torch.testing.assert_close(response.output, expected.output, atol=1e-12, rtol=0)
    for population, emitted in expected.spikes.items():
        assert torch.equal(response.spike_counts(population), emitted.sum(0))


# ---------------------------------------------------------------------- the formula


def gradient_of_g(above, given, steepness):
    """Return dL/dV by the definition, loops over steps; ``dL/ds = given``."""
    steps = len(above)
    z = (above > 0).astype(float)
    sums = [sum((k - j + 1) * z[j] for j in range(k + 1)) for k in range(steps)]
    found = np.zeros(steps)
    for j in range(steps):
        bump = 1 / (1 + steepness * abs(above[j])) ** 2
        for k in range(j, steps):
            inside = sums[k] * (1 - sums[k]) + 1
            of_relu = (1 - 2 * sums[k]) if inside > 0 else 0.0
            slope = max(inside, 0) + sums[k] * of_relu
            found[j] += given[k] * slope * (k - j + 1) * bump
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_of_first_crossings_is_the_formula(seed):
    random = np.random.default_rng(seed)
    values, given = random.normal(-0.3, 0.4, 8), random.normal(size=8)
    above = torch.tensor(values, requires_grad=True)
    spikes = first_crossings(above, SpikeFunction("fast_sigmoid", width=1 / 5))
    (spikes * torch.as_tensor(given)).sum().backward()
    np.testing.assert_allclose(above.grad, gradient_of_g(values, given, 5.0), atol=1e-12)
    first = int(np.argmax(values > 0)) if (values > 0).any() else None
    assert spikes.tolist() == [float(k == first) for k in range(8)]


@pytest.mark.parametrize("model", [LIF, IF, CURRENT, neuron_model("lif")], ids=lambda m: m.name)
def test_the_linear_response_is_the_free_potential(model):
    random = np.random.default_rng(4)
    x = torch.as_tensor(random.normal(size=(T, 3, 4)))
    drive = torch.as_tensor(random.normal(size=4) * 100) if model.drive else None
    free = PopulationTwin(model, (4,), 1 * ms, fires=False, dtype=torch.float64)
    expected = free.run(x, drive, record=("v",)).traces["v"]
    if model.name == "lif":
        with pytest.raises(InputError, match="a spike changes the potential"):
            linear_response(model, 1 * ms, T)
        return
    found = linear_response(model, 1 * ms, T).potential({model.receive: x}, drive)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


# ---------------------------------------------------------------------- training


def test_digits_are_learned():
    """Output neurons that forget slowly, for they are read at the end."""
    split = load_dataset("digits", seed=1)
    net = SpikingNetwork.sequential(
        (8, 8), [Dense(100, LIF), Dense(10, neuron_model("single_spike_lif", tau=200 * ms))],
        encoding=Latency(16), readout="potential", weight_gain=4.0, seed=1,
    )  # fmt: skip
    twin = to_torch(net)
    settings = {"epochs": 10, "batch_size": 32, "learning_rate": 3e-3, "schedule": "cosine"}
    train(twin, split.train, SingleSpikeVectorised(), seed=1, **settings)
    assert (twin(split.test.x).argmax(1).numpy() == split.test.y).mean() > 0.89


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("layers", "options", "expected"),
    [
        ([Dense(4, neuron_model("lif"))], {"readout": "counts"}, "give readout = 'potential'"),
        ([Dense(4, LIF), Recurrent(), Dense(3, LIF)], {}, "which feedback does not allow"),
        (
            [Dense(4, neuron_model("lif")), Dense(3, LIF)],
            {},
            "'hidden' must fire at most once, but its model 'lif' .* use 'single_spike_lif'",
        ),
        (
            [Dense(4, neuron_model("single_spike_lif", theta=np.ones(4))), Dense(3, LIF)],
            {},
            "population 'hidden': neuron model 'single_spike_lif': its neurons differ",
        ),
    ],
)
def test_what_it_cannot_train_is_refused(layers, options, expected):
    with pytest.raises(InputError, match=expected):
        SingleSpikeVectorised().check(network(layers, (3,), **options))


def test_what_is_not_linear_is_refused():
    quadratic = NeuronModel(
        name="qif_once", equations="dv/dt = v**2/tau : 1\nfired : boolean",
        emit="int(v > theta and not fired)", reset="fired = True", receive="v", method="euler",
        parameters={"tau": 10 * ms, "theta": 1.0},
    )  # fmt: skip
    with pytest.raises(InputError, match="'qif_once': the potential is not linear in the input"):
        linear_response(quadratic, 1 * ms, T)


@pytest.mark.parametrize("option", ["steepness", "gain"])
def test_wrong_options(option):
    with pytest.raises(InputError, match=f"{option} = 0; give more than 0"):
        SingleSpikeVectorised(**{option: 0})
