"""The exact gradient of the equilibrium against NumPy's solver and, without feedback, autograd."""

import math

import equilibrium_by_hand as by_hand
import numpy as np
import pytest
import torch

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import Implicit, learning_rule
from brianbridge.rules.equilibrium import implicit
from brianbridge.training import train
from brianbridge.twin.network import to_torch

LEAKS = {"if_rest": 1.0, "lif_rest": math.exp(-1 / 20)}
SOLVERS = ("gmres", "anderson", "broyden")
LABELS = np.array([0, 2, 1, 0, 2])


def batch_for(net, **training):
    twin = to_torch(net, dtype=torch.float64, **training)
    return twin, twin.encode(np.random.default_rng(0).uniform(0, 1, (5, *net.input_shape)))


def learn(rule, twin, inputs):
    """Set the gradients, and return the z that the rule found, ``(batch, neurons)``."""
    kept = {}

    class Kept(type(rule)):
        def solve_gradients(self, *args):
            found = super().solve_gradients(*args)
            kept.update({name: z.flatten(1).numpy() for name, z in found.items()})
            return found

    response = Kept(**{k: v for k, v in rule.to_dict().items() if k != "name"}).respond(
        twin, *inputs
    )
    rule.loss(response.output, torch.as_tensor(LABELS)).backward()
    return kept


def in_numpy(hand, inputs):
    """Return z and all gradients."""
    current, raster = inputs
    x = (current.flatten(1) if raster is None else raster.flatten(2)).numpy()
    spikes, output = hand.forward(x)
    delta = by_hand.cross_entropy_gradient(output, LABELS)
    m = hand.gates(spikes)
    z = hand.solved(hand.given(delta), m)
    rates = {name: hand.mean(s) for name, s in spikes.items()}
    mean = x if raster is None else hand.mean(x)
    assert all(gates.astype(bool).mean() > 0.1 for gates in m.values()), "neurons have a gradient"
    return z, hand.gradients(z, m, rates, mean, delta)


def assert_same_gradients(twin, expected, atol=1e-10):
    for name, (weight, bias) in expected.items():
        found = twin.projections[name]
        np.testing.assert_allclose(found.weight.grad, weight, rtol=0, atol=atol, err_msg=name)
        assert np.abs(weight).max() > 1e-4
        if bias is not None:
            np.testing.assert_allclose(found.bias.grad, bias, rtol=0, atol=atol, err_msg=name)
    assert {n for n, p in twin.projections.items() if p.weight.requires_grad} == set(expected)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", ["recurrent", "layers"])
def test_each_solver_finds_what_numpy_finds(shape, solver):
    net = by_hand.make(shape)
    twin, inputs = batch_for(net)
    found = learn(Implicit(solver=solver, tolerance=1e-8), twin, inputs)
    expected, _ = in_numpy(by_hand.ByHand(net), inputs)
    for name, z in expected.items():
        assert np.linalg.norm(found[name] - z) < 1e-6 * np.linalg.norm(z)


@pytest.mark.parametrize("encoding", ["current", "bernoulli"])
@pytest.mark.parametrize("neuron", LEAKS)
@pytest.mark.parametrize("shape", by_hand.SHAPES)
def test_gradients_are_those_of_numpy(shape, neuron, encoding):
    chosen = {"current": Current(30), "bernoulli": Bernoulli(30, signed=True)}[encoding]
    net = by_hand.make(shape, neuron, encoding=chosen)
    twin, inputs = batch_for(net)
    learn(Implicit(tolerance=1e-13), twin, inputs)
    _, expected = in_numpy(by_hand.ByHand(net, LEAKS[neuron]), inputs)
    assert_same_gradients(twin, expected)


@pytest.mark.parametrize("shape", ["recurrent", "layers", "conv"])
def test_dropout_is_one_mask_a_presentation_and_in_the_gradient(shape):
    net = by_hand.make(shape)
    twin, inputs = batch_for(net, dropout=0.3)
    masks = by_hand.masks_of(twin)
    torch.manual_seed(1)
    learn(Implicit(tolerance=1e-13), twin, inputs)
    assert masks.keys() == {p.name for p in net.firing}
    assert all(set(np.unique(m)) == {0.0, 1 / 0.7} for m in masks.values())
    _, expected = in_numpy(by_hand.ByHand(net, masks=masks), inputs)
    assert_same_gradients(twin, expected)


@pytest.mark.parametrize("neuron", LEAKS)
def test_without_feedback_it_is_backpropagation_through_clipped_rates(neuron):
    """A chain of rates, each with the value that the spikes gave it, differentiated by autograd."""
    net = by_hand.make("plain", neuron)
    twin, inputs = batch_for(net)
    learn(Implicit(tolerance=1e-13), twin, inputs)
    spikes = twin.run(*inputs).spikes
    leak = LEAKS[neuron]
    weights = leak ** torch.arange(29, -1, -1, dtype=torch.float64)
    a, leaves = inputs[0], []
    for p in net.projections:
        leaves.append([torch.tensor(v).double().requires_grad_() for v in (p.weight, p.bias)])
        read = a @ leaves[-1][0].T + leaves[-1][1]
        if p.target == "output":
            break
        fired = spikes[p.target].detach()
        rate = torch.tensordot(weights / weights.sum(), fired, 1)
        slope = ((rate > 0) & (fired.sum(0) < 30)).double() / 1.9
        a = rate + slope * (read - read.detach())
    torch.nn.functional.cross_entropy(read, torch.as_tensor(LABELS)).backward()
    for p, (weight, bias) in zip(net.projections, leaves, strict=True):
        found = twin.projections[p.name]
        torch.testing.assert_close(found.weight.grad, weight.grad, rtol=0, atol=1e-10)
        torch.testing.assert_close(found.bias.grad, bias.grad, rtol=0, atol=1e-10)


def test_a_constraint_on_rates_has_a_gradient_through_the_equilibrium():
    net = by_hand.make("layers")
    twin, inputs = batch_for(net)
    response = Implicit(tolerance=1e-13).respond(twin, *inputs)
    counts = response.spike_counts("hidden2")
    x = inputs[0].numpy()
    hand = by_hand.ByHand(net)
    spikes, _ = hand.forward(x)
    np.testing.assert_allclose(counts.detach(), spikes["hidden2"].sum(0), rtol=0, atol=1e-12)
    counts.sum().backward()
    g = {n: np.zeros(s.shape[1:]) for n, s in spikes.items()}
    g["hidden2"] += net.steps
    m = hand.gates(spikes)
    rates = {name: hand.mean(s) for name, s in spikes.items()}
    expected = hand.gradients(hand.solved(g, m), m, rates, x, np.zeros((5, 3)))
    weight = twin.projections["hidden3_to_hidden1"].weight.grad
    assert weight.abs().max() > 1e-3
    np.testing.assert_allclose(weight, expected["hidden3_to_hidden1"][0], rtol=0, atol=1e-10)


def test_no_error_no_gradient():
    twin, inputs = batch_for(by_hand.make("recurrent"))
    (0 * Implicit().respond(twin, *inputs).output).sum().backward()
    assert not twin.projections["hidden_to_hidden"].weight.grad.any()


@pytest.mark.parametrize("solver", ["anderson", "broyden"])
def test_an_equation_that_stays_unsolved_is_refused(solver, refused, monkeypatch):
    monkeypatch.setattr(implicit, "_ITERATIONS", 1)
    twin, inputs = batch_for(by_hand.make("layers"))
    with refused("rule 'implicit'", f"solver '{solver}'", "lower feedback_norm = 2"):
        learn(Implicit(solver=solver), twin, inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "gmers"}, "Did you mean 'gmres'"),
        ({"tolerance": 0.0}, "tolerance = 0.0; give more than 0"),
        ({"tolerance": math.nan}, "tolerance = nan"),
        ({"tolerence": 1e-3}, "Did you mean 'tolerance'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        learning_rule("implicit", **options)


def test_it_learns_digits():
    split = load_dataset("digits", seed=1)
    layers = [Dense(40, neuron_model("if_rest")), Recurrent(), Dense(10, neuron_model("if"))]
    net = SpikingNetwork.sequential(
        (8, 8), layers, encoding=Current(30), readout="potential", seed=1, weight_gain=2.0
    )
    twin = to_torch(net)
    train(twin, split.train, "implicit", seed=1, epochs=3, learning_rate=5e-3)
    assert (twin(split.test.x).argmax(1).numpy() == split.test.y).mean() > 0.85
