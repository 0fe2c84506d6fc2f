"""First spikes: times as step by step, gradients as the definition, targets by hand, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms
from once_networks import NETWORKS, S4NN, T, conv, dense, network, samples

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Bernoulli, Latency
from brianbridge.errors import InputError
from brianbridge.io.networks.file import save_network
from brianbridge.network import Dense, MaxPool2d, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import FirstSpike
from brianbridge.rules.single_spike.crossing_by_events import has_event_kernel
from brianbridge.rules.single_spike.first_crossing import TimeGradient
from brianbridge.rules.single_spike.relative_targets import relative_targets
from brianbridge.study.entries import NetworkEntry
from brianbridge.study.network import build_network
from brianbridge.training import train
from brianbridge.twin.network import to_torch
from brianbridge.twin.scan import first_steps

AT_SPIKE = "brianbridge.rules.single_spike.at_spike"


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("slope", ["every_step", "unit"])
def test_times_are_those_of_the_steps(name, seed, slope):
    net = NETWORKS[name](seed)
    twin = to_torch(net, dtype=torch.float64)
    inputs = twin.encode(samples(net))
    rule = FirstSpike(slope, loss_function="cross_entropy")
    rule.check(net)
    response = rule.respond(twin, *inputs)
    activity = twin.run(*inputs)
    for population, spikes in activity.spikes.items():
        counts = spikes.sum(0)
        assert counts.max() <= 1
        assert torch.equal(response.spike_counts(population), counts)
    assert torch.equal(
        first_steps(activity.spikes[net.output.name]).flatten(1), T - whole(response)
    )
    torch.testing.assert_close(response.output, activity.output, atol=1e-10, rtol=0)
    assert 0 < (whole(response) > 0).double().mean() < 1, "some fire and some do not"


def whole(response):
    return response.output.detach().clamp(min=0).floor()


# ---------------------------------------------------------------------- gradients


def by_hand(net, twin, raster, gradient, credit):
    """Return the gradients of all weights by the definition: loops in NumPy over dense layers."""
    times = [first_steps(raster).flatten(1).numpy()]
    activity = twin.run(None, raster, record=("v",))
    for p in net.populations:
        times.append(first_steps(activity.spikes[p.name]).flatten(1).numpy())
    weights = [twin.projection(p.name).weight.detach().numpy() for p in net.projections]
    found, g = [], gradient
    for layer in range(len(weights) - 1, -1, -1):
        before, after, weight = times[layer], times[layer + 1], weights[layer]
        v = activity.traces[net.populations[layer].name]["v"].detach().numpy()
        delta = np.zeros_like(g)
        for b, j in np.ndindex(g.shape):
            t = int(after[b, j])
            if t == T:
                factor = float(credit.silent)
            elif credit.slope == "slope":
                factor = 1 / (v[t, b, j] - (v[t - 1, b, j] if t else 0))
            elif credit.slope == "window":
                factor = float(abs(v[t, b, j] - 1) < credit.width)
            else:
                factor = 1.0
            delta[b, j] = -g[b, j] * factor
        if credit.normalise:
            norm = np.linalg.norm(delta, axis=1, keepdims=True)
            delta = np.divide(delta, norm, out=np.zeros_like(delta), where=norm > 0) / len(delta)
        of_weight, g = np.zeros_like(weight), np.zeros_like(before)
        for b, j, i in np.ndindex(len(delta), *weight.shape):
            if before[b, i] <= after[b, j] and before[b, i] < T:
                of_weight[j, i] += delta[b, j]
                g[b, i] -= delta[b, j] * weight[j, i]
        found.append(of_weight)
    return found[::-1]


CREDITS = [
    TimeGradient(),
    TimeGradient(normalise=False),
    TimeGradient("slope"),
    TimeGradient("window", width=0.2),
    TimeGradient(silent=False),
]


@pytest.mark.parametrize("credit", CREDITS, ids=str)
@pytest.mark.parametrize("events", [True, False])
def test_gradients_are_those_of_the_definition(monkeypatch, credit, events):
    if not events:
        monkeypatch.setattr(f"{AT_SPIKE}.has_event_kernel", lambda *_: False)
    net = NETWORKS["dense"](3)
    twin = to_torch(net, dtype=torch.float64)
    _, raster = twin.encode(samples(net, 8))
    chosen = {"slope": credit.slope, "width": credit.width, "silent": credit.silent}
    rule = FirstSpike(**S4NN | chosen | {"normalise": credit.normalise})
    output = rule.respond(twin, None, raster).output
    gradient = torch.as_tensor(np.random.default_rng(2).normal(size=output.shape))
    output.backward(gradient)
    # The output grows as the time shrinks.
    expected = by_hand(net, twin, raster, -gradient.numpy(), credit)
    for projection, values in zip(net.projections, expected, strict=True):
        found = twin.projection(projection.name).weight.grad.numpy()
        assert np.abs(values).max() > 1e-3
        np.testing.assert_allclose(found, values, atol=1e-10)


def threshold_networks(net, twin, raster, width):
    """Return how early outputs fired, by autograd: a network of thresholds in each step."""
    weights = [twin.projection(p.name).weight for p in net.projections]
    told, early = [torch.zeros(raster.shape[1], n) for n in (17, 30, 5)], 0
    for arriving in raster:
        told[0] = told[0] + arriving
        for layer, weight in enumerate(weights):
            above = told[layer] @ weight.T - 1
            line = (above / (2 * width)).clamp(-0.5, 0.5)
            fires = (above > 0).double() + line - line.detach()
            stays = (told[layer + 1] > 0) & (above <= 0)
            told[layer + 1] = torch.where(stays, 1.0, fires)
        early = early + told[-1]
    return early


def test_gradient_in_every_step_is_that_of_thresholds():
    net = NETWORKS["dense"](3)
    twin = to_torch(net, dtype=torch.float64)
    _, raster = twin.encode(samples(net, 8))
    labels = torch.arange(8) % 5
    rule = FirstSpike(width=0.7, loss_function="cross_entropy")
    rule.loss(rule.respond(twin, None, raster).output, labels).backward()
    found = [twin.projection(p.name).weight.grad.clone() for p in net.projections]
    twin.zero_grad()
    early = threshold_networks(net, twin, raster, 0.7)
    torch.nn.functional.cross_entropy(early, labels).backward()
    for projection, values in zip(net.projections, found, strict=True):
        assert values.abs().max() > 1e-3
        torch.testing.assert_close(
            values, twin.projection(projection.name).weight.grad, atol=1e-10, rtol=0
        )


@pytest.mark.parametrize("name", ["convolution", "stride and padding", "pooled"])
def test_events_and_steps_have_the_same_gradient(monkeypatch, name):
    net, found = NETWORKS[name](5), []
    for events in (True, False):
        if not events:
            monkeypatch.setattr(f"{AT_SPIKE}.has_event_kernel", lambda *_: False)
        twin = to_torch(net, dtype=torch.float64)
        rule = FirstSpike(**S4NN | {"slope": "slope"})
        output = rule.respond(twin, *twin.encode(samples(net))).output
        rule.loss(output, torch.arange(20) % 4).backward()
        found.append([p.grad for p in twin.parameters()])
    for one, other in zip(*found, strict=True):
        assert one.abs().max() > 1e-4
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)


# ---------------------------------------------------------------------- targets and loss


@pytest.mark.parametrize(
    ("times", "label", "expected"),
    [
        ([2, 4, 9], 0, [2, 5, 9]),  # right, but the second is closer than the margin
        ([2, 5, 9], 0, [2, 5, 9]),  # right by the margin: no error
        ([4, 2, 9], 0, [2, 5, 9]),  # wrong
        ([9, 9, 9], 0, [9, 10, 10]),  # targets end with the presentation
        ([10, 10, 10], 1, [10, 7, 10]),  # none fired: the label is pushed
        ([10, 3, 10], 0, [3, 6, 10]),  # the label is silent
        ([3, 3, 3], 2, [6, 6, 3]),  # a tie
    ],
)
def test_relative_targets_by_hand(times, label, expected):
    earliness = 10 - torch.tensor([times], dtype=torch.float64)
    targets = 10 - relative_targets(earliness, torch.tensor([label]), margin=3)
    assert targets.tolist() == [expected]


def test_the_loss_looks_at_whole_steps():
    rule = FirstSpike(**S4NN, margin=3)
    output = torch.tensor([[8.7, 6.2, -0.4]], requires_grad=True)  # 8 and 6 steps early, never
    loss = rule.loss(output, torch.tensor([1]))
    loss.backward()
    assert loss.item() == (3**2 + 2**2) / 2
    assert output.grad.tolist() == [[3, -2, 0]]


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("slope", ["every_step", "unit"])
def test_dropped_neurons_are_not_heard_and_the_others_count_for_more(slope):
    net = NETWORKS["dense"](1)
    twin = to_torch(net, dtype=torch.float64, dropout={"hidden": 0.5})
    x, rule = samples(net), FirstSpike(slope, loss_function="cross_entropy")
    torch.manual_seed(4)
    heard = rule.respond(twin, *twin.encode(x)).output.detach()
    torch.manual_seed(4)
    expected = twin.run(*twin.encode(x)).output
    torch.testing.assert_close(heard, expected, atol=1e-10, rtol=0)
    twin.eval()
    assert not torch.equal(rule.respond(twin, *twin.encode(x)).output, heard)


@pytest.mark.parametrize(("options", "bound"), [({}, 0.93), (S4NN, 0.7)], ids=str)
def test_digits_are_learned(options, bound):
    split = load_dataset("digits", seed=1)
    net = SpikingNetwork.sequential(
        (8, 8), [dense(100), dense(10)], encoding=Latency(16), readout="first_spike",
        weight_gain=4.0, weight_mean=10.0 if options == S4NN else 0.0, seed=1,
    )  # fmt: skip
    twin = to_torch(net)
    settings = {"epochs": 10, "batch_size": 32, "learning_rate": 3e-3, "schedule": "cosine"}
    train(twin, split.train, FirstSpike(**options), seed=1, **settings)
    output = twin(split.test.x)
    assert (output.argmax(1).numpy() == split.test.y).mean() > bound


def test_initial_weights_let_neurons_fire(tmp_path):
    split = load_dataset("digits", seed=1)
    net = network([conv(8, 3), MaxPool2d(2), dense(50), dense(10)], (8, 8))
    twin = to_torch(net)
    for projection in net.projections[::2]:  # pooling between them is fixed
        twin.projection(projection.name).weight.data *= 0.01
    inputs = twin.encode(split.train.x[:200])
    assert twin.run(*inputs).spikes["hidden"].sum() == 0
    FirstSpike().before_training(twin, *inputs)
    ran = twin.run(*inputs, record=("v",))
    v = {name: traces["v"][(T - 1) // 2] for name, traces in ran.traces.items()}
    assert v["conv1"][v["conv1"] != 0].square().mean().sqrt().item() == pytest.approx(1, abs=1e-4)
    for name in ("hidden", "output"):
        assert v[name].mean().item() == pytest.approx(1, abs=1e-3)
    trained = net.with_weights({}, rule=FirstSpike().to_dict())
    save_network(trained, tmp_path / "trained.h5")
    entry = NetworkEntry(start=str(tmp_path / "trained.h5"), after=2)
    for kept, rule in (
        (to_torch(net), FirstSpike(initial_potential=0)),
        (to_torch(trained), FirstSpike()),
        (to_torch(build_network(entry, split.train, seed=1)), FirstSpike()),
    ):
        rule.before_training(kept, *inputs)
        for projection in net.projections:
            np.testing.assert_array_equal(
                kept.projection(projection.name).weight.detach(), projection.weight
            )


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("layers", "options", "expected"),
    [
        ([Dense(4, neuron_model("if"))], {}, "population 'output' must sum .* 'single_spike_if'"),
        ([dense(4)], {"readout": "counts"}, "give readout = 'first_spike'"),
        ([dense(4)], {"encoding": Bernoulli(9)}, "the encoding is 'bernoulli'"),
        ([dense(4), Recurrent(), dense(3)], {}, "which feedback does not allow"),
    ],
)
def test_what_it_cannot_train_is_refused(layers, options, expected):
    with pytest.raises(InputError, match=expected):
        FirstSpike().check(network(layers, (3,), **options))


def test_a_threshold_that_silence_crosses_is_refused():
    layers = [Dense(4, neuron_model("single_spike_if", theta=-1.0)), dense(3)]
    with pytest.raises(InputError, match="theta = -1 of population 'hidden' is below 0"):
        FirstSpike("unit", loss_function="cross_entropy").check(network(layers, (3,)))


def test_a_leak_is_refused():
    leaky = NeuronModel(
        equations="dv/dt = -v/tau : 1\nfired : boolean", emit="int(v > theta and not fired)",
        reset="fired = True", receive="v", method="exact",
        parameters={"tau": 10 * ms, "theta": 1.0},
    )  # fmt: skip
    with pytest.raises(InputError, match="without leak"):
        FirstSpike().check(network([Dense(4, leaky, bias=False)], (3,)))


def test_batch_norm_of_the_mean_input_is_refused():
    twin = to_torch(NETWORKS["dense"](0), batch_norm=True)
    with pytest.raises(InputError, match="batch_norm = true"):
        FirstSpike().prepare(twin)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"slope": "unti"}, "slope = 'unti'"),
        ({"loss_function": "squared"}, "loss_function = 'squared'"),
        ({"margin": 1.0}, "margin = 1.0; give more than 1"),
        ({"width": 0.0}, "width = 0.0; give more than 0"),
        ({"softness": 0.0}, "softness = 0.0; give more than 0"),
        ({"slope": "unit"}, "'race' needs the potentials of every step, but slope = 'unit'"),
        ({"initial_potential": -1.0}, "initial_potential = -1.0; give a size such as 1.0"),
    ],
)
def test_wrong_options(options, expected):
    with pytest.raises(InputError, match=expected):
        FirstSpike(**options)


def test_kernels_are_used_where_there_are_some():
    net = NETWORKS["pooled"](0)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    used = [has_event_kernel(p, cpu) for p in net.projections]
    assert used == [True, False, True, False, True, True]
    assert not any(has_event_kernel(p, cuda) for p in net.projections)
