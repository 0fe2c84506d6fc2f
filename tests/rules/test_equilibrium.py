"""What spide and implicit share: rates, the gradient by the weights, the norm of feedback."""

from dataclasses import replace

import equilibrium_by_hand as by_hand
import numpy as np
import pytest
import torch
from brian2 import ms

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import Implicit, Spide
from brianbridge.rules.equilibrium.state import mean_rate
from brianbridge.training import train
from brianbridge.twin.network import to_torch

RULES = [Implicit(), Spide(scale=0.1)]
LEAKS = {"if_rest": 1.0, "lif_rest": float(np.exp(-1 / 20))}


def recurrent(hidden="if_rest", output="if", readout="potential", **changes):
    layers = [
        Dense(6, neuron_model(hidden, **changes)), Recurrent(), Dense(3, neuron_model(output)),
    ]  # fmt: skip
    return SpikingNetwork.sequential((5,), layers, encoding=Current(20), readout=readout)


def some_data(net, samples=40):
    random = np.random.default_rng(3)
    x = random.uniform(0, 1, (samples, *net.input_shape)).astype(np.float32)
    return from_arrays("made", x, np.arange(samples) % 3)


# ---------------------------------------------------------------------- rates


@pytest.mark.parametrize("leak", [1.0, 0.9, 0.3])
def test_a_mean_rate_is_weighted_by_the_leak(leak):
    spikes = np.random.default_rng(0).integers(-1, 2, (9, 4, 5)).astype(float)
    expected = sum(leak ** (8 - t) * s for t, s in enumerate(spikes))
    expected = expected / sum(leak**t for t in range(9))
    found = mean_rate(torch.as_tensor(spikes), leak).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("encoding", ["current", "bernoulli"])
@pytest.mark.parametrize("neuron", LEAKS)
@pytest.mark.parametrize("shape", by_hand.SHAPES)
def test_forward_spikes_and_output_are_those_of_numpy(shape, neuron, encoding):
    chosen = {"current": Current(30), "bernoulli": Bernoulli(30, signed=True)}[encoding]
    net = by_hand.make(shape, neuron, encoding=chosen)
    twin = to_torch(net, dtype=torch.float64)
    current, raster = twin.encode(np.random.default_rng(0).uniform(0, 1, (4, *net.input_shape)))
    flat = current.flatten(1) if raster is None else raster.flatten(2)
    spikes, output = by_hand.ByHand(net, LEAKS[neuron]).forward(flat.numpy())
    found = twin.run(current, raster)
    for name, expected in spikes.items():
        np.testing.assert_array_equal(found.spikes[name].flatten(2).detach(), expected)
        assert 0 < expected.mean() < 1
    response = Implicit().respond(twin, current, raster)
    np.testing.assert_allclose(response.output.detach(), output, rtol=0, atol=1e-12)
    assert torch.equal(Implicit().loss_input(twin, found.output), response.output)


def test_rates_come_to_the_equilibrium():
    distances = []
    for steps in (30, 300, 3000):
        net = by_hand.make("layers", encoding=Current(steps))
        twin = to_torch(net, dtype=torch.float64)
        inputs = twin.encode(np.random.default_rng(0).uniform(0, 1, (4, 5)))
        distances.append(Implicit().respond(twin, *inputs).metrics["equilibrium_distance"])
    assert 0.04 > distances[0] > 5 * distances[1] > 25 * distances[2] > 0


def test_a_reset_past_zero_halves_the_distance():
    found = {}
    for rest in (-1.0, 0.0):
        model = neuron_model("if_rest", theta=1.0 if rest else 2.0, rest=rest)
        layers = [Dense(30, model), Recurrent(), Dense(3, neuron_model("if"))]
        net = SpikingNetwork.sequential(
            (20,), layers, encoding=Current(100), readout="potential", weight_gain=2.0
        )
        twin = to_torch(net, dtype=torch.float64)
        inputs = twin.encode(np.random.default_rng(0).uniform(0, 2, (20, 20)))
        found[rest] = Implicit().respond(twin, *inputs).metrics["equilibrium_distance"]
    assert 0 < found[-1.0] < 0.65 * found[0.0]


def test_the_noted_distance_is_that_of_numpy():
    net = by_hand.make("layers")
    twin = to_torch(net, dtype=torch.float64)
    x = np.random.default_rng(0).uniform(0, 1, (4, 5))
    noted = Implicit().respond(twin, *twin.encode(x)).metrics["equilibrium_distance"]
    hand = by_hand.ByHand(net)
    spikes, _ = hand.forward(x)
    rates = {"input": x, **{name: hand.mean(s) for name, s in spikes.items()}}
    far = []
    for name in hand.names:
        got = sum(rates[p.source] @ hand.matrix(p).T + hand.bias(p) for p in net.incoming(name))
        expected = np.clip(got / hand.unit(name), 0, 1)
        far.append(np.abs(rates[name] - expected)[rates[name] > 0])
    assert noted == pytest.approx(np.concatenate(far).mean(), abs=1e-12)


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_curve_tells_how_far_from_the_equilibrium_a_training_is(rule):
    net = recurrent()
    result = train(to_torch(net), some_data(net), rule, epochs=2, batch_size=16)
    noted = {"equilibrium_distance"} | ({"backward_rate"} if rule.name == "spide" else set())
    for name in noted:
        assert len(result.curve[name]) == 2
        assert all(0 < value < 1 for value in result.curve[name])
    assert "backward_rate" in noted or "backward_rate" not in result.curve


def test_the_losses_of_training_and_of_validation_are_of_the_same_output():
    # Both are of means over the steps: with the same weights they are alike, not T times as large.
    net = recurrent()
    data = some_data(net, 60)
    options = {"epochs": 1, "learning_rate": 1e-9, "validation_fraction": 0.5}
    curve = train(to_torch(net), data, Implicit(), **options).curve
    assert curve["validation_loss"][0] == pytest.approx(curve["train_loss"][0], abs=0.1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("norm", [0.0, 0.5])
def test_feedback_weights_keep_their_norm_in_every_step(rule, norm):
    norms, others, seen = [], [], []

    class Watched(type(rule)):
        def respond(self, twin, current, raster):
            seen.append(float(twin.projections["hidden_to_hidden"].weight.detach().norm()))
            return super().respond(twin, current, raster)

        def after_step(self, twin):
            before = twin.projections["hidden_to_hidden"].weight.detach().clone()
            super().after_step(twin)
            after = twin.projections["hidden_to_hidden"].weight.detach()
            norms.append((float(before.norm()), float(after.norm())))
            torch.testing.assert_close(after / after.norm(), before / before.norm())
            others.append(float(twin.projections["input_to_hidden"].weight.detach().norm()))

    net = recurrent()
    options = {k: v for k, v in rule.to_dict().items() if k != "name"}
    watched = Watched(**{**options, "feedback_norm": norm})
    twin = to_torch(net)
    with torch.no_grad():
        twin.projections["hidden_to_hidden"].weight *= 2
    train(twin, some_data(net), watched, epochs=2, batch_size=8, learning_rate=0.05)
    assert len(norms) > 5
    assert max(others) > 0.5, "no other weights are scaled"
    if norm:
        assert max(seen) <= norm * (1 + 1e-6), "from the first batch on"
        assert all(after <= norm * (1 + 1e-6) for _, after in norms)
        assert any(before > norm * (1 + 1e-3) for before, _ in norms)
    else:
        assert all(before == after for before, after in norms)
        assert max(after for _, after in norms) > 0.5


def test_a_norm_below_the_limit_stays():
    net = recurrent()
    twin = to_torch(net)
    before = twin.projections["hidden_to_hidden"].weight.detach().clone()
    Implicit(feedback_norm=100.0).after_step(twin)
    assert torch.equal(twin.projections["hidden_to_hidden"].weight, before)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_networks_that_have_no_such_equilibrium_are_refused(rule, refused):
    what = f"learning rule '{rule.name}'"
    with refused(what, "give readout = 'potential'"):
        rule.check(recurrent(readout="counts"))
    with refused(what, "neurons of population 'hidden' differ in 'theta'", "give them one value"):
        rule.check(recurrent(theta=np.linspace(1, 2, 6)))
    with refused(what, "must have the same leak", "'output'"):
        rule.check(recurrent("lif_rest", "if"))
    with refused(what, "neuron model 'adex' has no parameter 'theta'", "option 'threshold'"):
        rule.check(recurrent("adex"))
    rule.check(recurrent("lif_rest", "lif", tau=10 * ms))
    for hidden, output in (
        *((model, "if") for model in ("single_spike_if", "ternary_if", "if_zero")),
        *((model, "lif") for model in ("single_spike_lif", "cuba_lif", "lif_refractory")),
        ("multi_threshold_lif", "lif"), ("lif", "cuba_lif"),
    ):  # fmt: skip
        wrong = output if hidden == "lif" else hidden
        with refused(what, f"has neuron model '{wrong}'", "use 'if_rest' or 'lif_rest'"):
            rule.check(recurrent(hidden, output))
    rule.check(recurrent("if_rest", "if").with_refractory("1 ms"))  # changes nothing
    with refused(what, "has neuron model 'if_rest'", "without a refractory period"):
        rule.check(recurrent("if_rest", "if").with_refractory("3 ms"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_counts_are_counts_whatever_the_leak(rule):
    net = replace(recurrent("lif_rest", "lif", tau=10 * ms), encoding=Bernoulli(30, gain=0.9))
    twin = to_torch(net, dtype=torch.float64)
    for projection in twin.projections.values():
        projection.weight.data.abs_().mul_(20)
    _, raster = twin.encode(np.ones((4, 5)))
    raster = raster.clone()
    raster[10:] = 0  # early spikes weigh little in a rate with a leak
    found = rule.respond(twin, None, raster).spike_counts("hidden")
    expected = twin.run(None, raster).spikes["hidden"].sum(0)
    assert torch.equal(found.detach(), expected)
    assert expected.mean() > 1
    assert found.requires_grad


def test_another_order_of_a_step_is_refused(refused):
    net = replace(by_hand.make("plain"), schedule="default")
    with refused("learning rule 'implicit'", "schedule 'canonical' only"):
        Implicit().check(net)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_batch_normalisation_is_refused(rule, refused):
    twin = to_torch(by_hand.make("plain"), batch_norm=True)
    with refused(f"learning rule '{rule.name}'", "'input_to_hidden1'", "leave batch_norm out"):
        rule.prepare(twin)


@pytest.mark.parametrize("rule", [Implicit, Spide])
@pytest.mark.parametrize("norm", [-1.0, float("inf"), float("nan")])
def test_a_limit_of_the_norm_is_refused(rule, norm):
    with pytest.raises(InputError, match=f"feedback_norm = {norm}; give .* or 0 for no limit"):
        rule(feedback_norm=norm)
