"""SPIDE: gradients by ternary spikes against NumPy, in the twin and in Brian2."""

import logging
import math

import equilibrium_by_hand as by_hand
import numpy as np
import pytest
import torch
from brian2.utils.logger import get_logger

import brianbridge as bb
from brianbridge.datasets import from_arrays, load_dataset
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Conv2d, Dense, Feedback, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import Implicit, Spide, learning_rule
from brianbridge.rules.equilibrium import spide as module
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training import train
from brianbridge.twin.network import to_torch

LEAKS = {"if_rest": 1.0, "lif_rest": math.exp(-1 / 20)}
LABELS = np.array([0, 2, 1, 0, 2])


def batch_for(net, seed=0, **training):
    twin = to_torch(net, dtype=torch.float64, **training)
    return twin, twin.encode(np.random.default_rng(seed).uniform(0, 1, (5, *net.input_shape)))


def learn(rule, twin, inputs, labels=LABELS):
    """Set the gradients; return what the rule noted."""
    twin.zero_grad()
    response = rule.respond(twin, *inputs)
    rule.loss(response.output, torch.as_tensor(labels)).backward()
    return response.metrics


def in_numpy(hand, inputs, rule):
    """Return all gradients, by methods of SPIDE, and the mean rate of the ternary neurons."""
    current, raster = inputs
    x = (current.flatten(1) if raster is None else raster.flatten(2)).numpy()
    spikes, output = hand.forward(x)
    delta = by_hand.cross_entropy_gradient(output, LABELS)
    m = hand.gates(spikes)
    theta, rest = rule.backward_threshold, rule.backward_rest
    given = hand.given(delta)
    if rule.scale is None:
        errors = np.concatenate([np.abs(g * (m[n] != 0)) for n, g in given.items()], 1)
        factor = rule.largest * (theta - rest) / errors.max(1, keepdims=True)
    else:
        factor = np.full((len(delta), 1), len(delta) * rule.scale)
    scaled = {n: factor * g for n, g in given.items()}
    ternary = hand.ternary(scaled, m, steps=rule.steps, theta=theta, rest=rest)
    beta = {n: (theta - rest) / factor * hand.mean(s) for n, s in ternary.items()}
    rates = {n: hand.mean(s) for n, s in spikes.items()}
    mean = x if raster is None else hand.mean(x)
    fired = np.concatenate([(s != 0).mean(0).ravel() for s in ternary.values()])
    return hand.gradients(beta, m, rates, mean, delta), fired.mean()


def assert_same_gradients(twin, expected, atol=1e-10):
    for name, (weight, bias) in expected.items():
        found = twin.projections[name]
        np.testing.assert_allclose(found.weight.grad, weight, rtol=0, atol=atol, err_msg=name)
        assert np.abs(weight).max() > 1e-4
        if bias is not None:
            np.testing.assert_allclose(found.bias.grad, bias, rtol=0, atol=atol, err_msg=name)
    assert {n for n, p in twin.projections.items() if p.weight.requires_grad} == set(expected)


# ---------------------------------------------------------------------- gradients


@pytest.mark.parametrize("encoding", ["current", "bernoulli"])
@pytest.mark.parametrize("neuron", LEAKS)
@pytest.mark.parametrize("shape", by_hand.SHAPES)
def test_gradients_are_those_of_numpy(shape, neuron, encoding):
    chosen = {"current": Current(30), "bernoulli": Bernoulli(30, signed=True)}[encoding]
    net = by_hand.make(shape, neuron, encoding=chosen)
    twin, inputs = batch_for(net)
    rule = Spide(scale=0.5 if (shape, neuron) == ("pool", "lif_rest") else 0.2)
    noted = learn(rule, twin, inputs)
    expected, rate = in_numpy(by_hand.ByHand(net, LEAKS[neuron]), inputs, rule)
    assert_same_gradients(twin, expected)
    assert noted["backward_rate"] == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 40},
        {"scale": 0.05},
        {"backward_threshold": 0.7, "backward_rest": 0.0},
        {"backward_threshold": 1.3, "backward_rest": -0.4},
        {"scale": None},
        {"scale": None, "largest": 0.1},
        {"scale": None, "backward_threshold": 0.7, "backward_rest": 0.1},
    ],
    ids=str,
)
def test_options_are_those_of_numpy(options):
    net = by_hand.make("layers")
    twin, inputs = batch_for(net)
    rule = Spide(**{"scale": 0.2, **options})
    learn(rule, twin, inputs)
    assert_same_gradients(twin, in_numpy(by_hand.ByHand(net), inputs, rule)[0])


@pytest.mark.parametrize("shape", ["recurrent", "layers"])
def test_dropout_is_in_both_stages(shape):
    net = by_hand.make(shape)
    twin, inputs = batch_for(net, dropout=0.3)
    masks = by_hand.masks_of(twin)
    torch.manual_seed(1)
    rule = Spide(scale=0.2)
    learn(rule, twin, inputs)
    assert masks.keys() == {p.name for p in net.firing}
    assert_same_gradients(twin, in_numpy(by_hand.ByHand(net, masks=masks), inputs, rule)[0])


def test_weights_that_change_reach_the_next_backward_stage():
    net = by_hand.make("layers")
    twin, inputs = batch_for(net)
    rule = Spide(scale=0.2)
    learn(rule, twin, inputs)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter *= 0.9
    learn(rule, twin, inputs)
    changed = by_hand.ByHand(write_back(twin))
    assert_same_gradients(twin, in_numpy(changed, inputs, rule)[0])


def solution_of(net, twin, inputs, rule):
    """Return z as the rule and as NumPy's solver have it, flat."""
    kept = {}

    class Kept(Spide):
        def solve_gradients(self, *args):
            found = super().solve_gradients(*args)
            kept.update({name: z.flatten(1).numpy() for name, z in found.items()})
            return found

    learn(Kept(**{k: v for k, v in rule.to_dict().items() if k != "name"}), twin, inputs)
    hand = by_hand.ByHand(net)
    spikes, output = hand.forward(inputs[0].flatten(1).numpy())
    m = hand.gates(spikes)
    z = hand.solved(hand.given(by_hand.cross_entropy_gradient(output, LABELS)), m)
    ends = [np.concatenate([(m[n] != 0) * v[n] for n in hand.names], 1) for v in (kept, z)]
    return ends[0], ends[1]


@pytest.mark.parametrize("shape", ["recurrent", "layers", "conv"])
def test_rates_of_ternary_neurons_come_to_the_solution_as_one_over_steps(shape):
    net = by_hand.make(shape)
    twin, inputs = batch_for(net)
    steps = (100, 1000, 5000)
    errors = []
    for number in steps:
        found, expected = solution_of(net, twin, inputs, Spide(steps=number, scale=0.2))
        errors.append(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert -1.3 < slope < -0.7
    assert errors[-1] < 3e-3


def digits_network(hidden=50, neuron="if_rest", steps=30, seed=1):
    output = {"if_rest": "if", "lif_rest": "lif"}[neuron]
    changes = {"tau": "20 ms"} if output == "lif" else {}
    layers = [Dense(hidden, neuron_model(neuron, **changes)), Recurrent()]
    return SpikingNetwork.sequential(
        (8, 8), [*layers, Dense(10, neuron_model(output, **changes))],
        encoding=Current(steps), readout="potential", seed=seed, weight_gain=2.0,
    )  # fmt: skip


@pytest.mark.parametrize("neuron", LEAKS)
def test_an_update_points_where_the_exact_one_does(neuron):
    data = load_dataset("digits", seed=1).train
    net = digits_network(neuron=neuron)
    twin = to_torch(net, dtype=torch.float64)
    inputs, labels = twin.encode(data.x[:64]), data.y[:64]
    gradients = []
    for rule in (Spide(), Implicit()):
        learn(rule, twin, inputs, labels)
        gradients.append({n: p.grad.clone() for n, p in twin.named_parameters()})
    cosines = {
        name: float((a * gradients[1][name]).sum() / a.norm() / gradients[1][name].norm())
        for name, a in gradients[0].items()
    }
    assert set(cosines) == {f"projections.{n}" for n in (
        "input_to_hidden.weight", "input_to_hidden.bias", "hidden_to_hidden.weight",
        "hidden_to_output.weight", "hidden_to_output.bias",
    )}  # fmt: skip
    assert min(cosines.values()) > 0.99, cosines


def test_samples_without_an_error_and_with_tiny_ones_are_carried_back():
    net = by_hand.make("recurrent")
    twin, inputs = batch_for(net)
    rule = Spide()
    equilibrium = rule._equilibrium(twin, *inputs)
    error = torch.rand(5, net.population("hidden").size, dtype=torch.float64) - 0.5
    error[0] = 0
    found = [
        rule.solve_gradients(twin, equilibrium, {"hidden": size * error.reshape(5, -1)})["hidden"]
        for size in (1.0, 1e-9)
    ]
    assert not found[0][0].any()
    assert found[0][1:].flatten(1).any(1).all()
    torch.testing.assert_close(found[1], 1e-9 * found[0], rtol=1e-9, atol=0)


# ---------------------------------------------------------------------- both engines


class Recorded(Spide):
    """Keeps the spikes of both stages."""

    kept: list = []  # noqa: RUF012

    def run_forward(self, twin, current, raster):
        spikes, potential = super().run_forward(twin, current, raster)
        self.kept.append({name: s.flatten(2).numpy() for name, s in spikes.items()})
        return spikes, potential

    def _checked_rate(self, spikes):
        self.kept.append({name: s.flatten(2).numpy() for name, s in spikes.items()})
        return super()._checked_rate(spikes)


@pytest.mark.parametrize("encoding", ["current", "bernoulli"])
@pytest.mark.parametrize("neuron", LEAKS)
@pytest.mark.parametrize("shape", ["recurrent", "conv"])
def test_the_spikes_of_both_stages_are_the_same_in_brian2(shape, neuron, encoding):
    chosen = {"current": Current(30), "bernoulli": Bernoulli(30, signed=True)}[encoding]
    net = by_hand.make(shape, neuron, encoding=chosen, seed=3)
    stages, gradients = [], []
    for engine in ("twin", "brian2"):
        twin, inputs = batch_for(net)
        Recorded.kept = []
        learn(Recorded(engine=engine), twin, inputs)
        stages.append(Recorded.kept)
        gradients.append([p.grad for p in twin.parameters()])
    for ours, theirs in zip(*stages, strict=True):
        assert ours.keys() == theirs.keys() == {p.name for p in net.firing}
        for name, spikes in ours.items():
            assert np.sum(spikes != theirs[name]) == 0
            assert spikes.any()
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_the_reference_path_makes_the_same_spikes_too():
    net = by_hand.make("conv", seed=3)
    twin, inputs = batch_for(net)
    Recorded.kept = []
    rule = Recorded(scale=0.2)
    learn(rule, twin, inputs)
    forward, backward = Recorded.kept
    x = inputs[0].numpy()
    found = bb.simulate(net, x, backend=bb.Backend(path="reference")).spikes
    assert all(np.array_equal(found[n].reshape(s.shape), s) for n, s in forward.items())

    back = rule.backward(twin)
    delta = by_hand.cross_entropy_gradient(
        rule.respond(twin, *inputs).output.detach().numpy(), LABELS
    )
    hand = by_hand.ByHand(net)
    g, m = hand.given(delta), hand.gates(forward)
    errors = [np.where(m[p.name] > 0, 5 * 0.2 * g[p.name], 2e6) for p in back.populations]
    found = bb.simulate(
        back, np.concatenate(errors, 1), backend=bb.Backend(path="reference")
    ).spikes
    for name, spikes in backward.items():
        assert np.array_equal(found[name].reshape(spikes.shape), spikes)
        assert (spikes != 0).any()


@pytest.mark.parametrize("shape", ["recurrent", "conv"])
def test_training_in_brian2_gives_the_weights_of_training_in_the_twin(shape):
    neuron, last = neuron_model("if_rest"), Dense(3, neuron_model("if"))
    layers = {
        "recurrent": [Dense(8, neuron), Recurrent(), last],
        "conv": [
            Conv2d(2, 3, neuron, stride=2, padding=1), Conv2d(2, 3, neuron, padding=1),
            Feedback("conv1", kernel=3, padding=1), last,
        ],
    }  # fmt: skip
    net = SpikingNetwork.sequential(
        (1, 6, 6), layers[shape], encoding=Current(15), readout="potential", weight_gain=2.0
    )
    random = np.random.default_rng(0)
    data = from_arrays("made", random.uniform(0, 1, (24, 1, 6, 6)), np.arange(24) % 3)
    ends = []
    for engine in ("twin", "brian2"):
        twin = to_torch(net, dtype=torch.float64)
        rule = Spide(steps=40, engine=engine, scale=0.2)
        result = train(twin, data, rule, epochs=1, batch_size=8, validation_fraction=0)
        ends.append((twin.state_dict(), result.curve))
    (ours, our_curve), (theirs, their_curve) = ends
    for name, values in ours.items():
        torch.testing.assert_close(values, theirs[name], rtol=0, atol=1e-12)
        if name.endswith("weight"):
            start = next(
                p.weight for p in net.projections if name == f"projections.{p.name}.weight"
            )
            assert np.abs(values.numpy() - start).max() > 1e-4, "it learned"
    for name, values in our_curve.items():
        assert values == pytest.approx(their_curve[name], abs=1e-12)


# ---------------------------------------------------------------------- refusals and warnings


def test_an_error_that_is_cut_off_is_refused(refused):
    twin, inputs = batch_for(by_hand.make("layers"))
    with refused("learning rule 'spide'", "population 'hidden", "lower scale = 100"):
        learn(Spide(scale=100.0), twin, inputs)
    with refused("learning rule 'spide'", "population 'hidden", "lower largest = 5"):
        learn(Spide(largest=5.0), twin, inputs)


def test_there_is_one_warning_where_neurons_fire_much(caplog):
    get_logger(module.__name__)
    twin, inputs = batch_for(by_hand.make("layers"))
    scale = 0.2
    while True:  # until a neuron fires in more than half of the steps
        Recorded.kept = []
        learn(Recorded(scale=scale), twin, inputs)
        spikes = Recorded.kept[1]
        highest = max(float((s != 0).mean(0).max()) for s in spikes.values())
        if highest > 0.5:
            break
        scale *= 1.2
    told = [r for r in caplog.records if "fires in more than half" in r.getMessage()]
    assert highest < 1
    assert len(told) == 1
    assert f"lower scale = {scale:g}" in told[0].getMessage()
    assert told[0].levelno == logging.WARNING
    learn(Spide(scale=scale), twin, inputs)
    again = [r for r in caplog.records if "fires in more than half" in r.getMessage()]
    assert len(again) == 1


def test_dropout_in_brian2_is_refused(refused):
    twin, _ = batch_for(by_hand.make("recurrent"), dropout=0.2)
    with refused("learning rule 'spide'", "leave it out", "'twin'"):
        Spide(engine="brian2").prepare(twin)
    Spide().prepare(twin)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps = 0; give at least 1"),
        ({"scale": 0.0}, "scale = 0.0; give more than 0"),
        ({"scale": math.inf}, "scale = inf"),
        ({"largest": 0.0}, "largest = 0.0; give more than 0"),
        ({"backward_threshold": -0.5}, "backward_threshold = -0.5"),
        ({"backward_rest": 0.5}, "backward_rest = 0.5; give less than backward_threshold = 0.5"),
        ({"backward_rest": math.nan}, "backward_rest = nan"),
        ({"engine": "brian"}, "engine = 'brian'. Did you mean 'brian2'"),
        ({"sclae": 2.0}, "Did you mean 'scale'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        learning_rule("spide", **options)


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("neuron", LEAKS)
def test_it_learns_digits(neuron):
    split = load_dataset("digits", seed=1)
    twin = to_torch(digits_network(hidden=40, neuron=neuron))
    result = train(twin, split.train, Spide(), seed=1, epochs=3, learning_rate=5e-3)
    accuracy = (twin(split.test.x).argmax(1).numpy() == split.test.y).mean()
    assert accuracy > 0.85
    assert all(0 < rate < 0.5 for rate in result.curve["backward_rate"])
    assert all(0 < d < 0.1 for d in result.curve["equilibrium_distance"])
