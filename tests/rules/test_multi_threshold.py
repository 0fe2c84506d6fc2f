"""Multi-threshold neurons: every derivative by its formula, and the network unrolled by hand."""

import math

import numpy as np
import pytest
import torch
import unrolled
from brian2 import ms

from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import AvgPool2d, Conv2d, Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import MultiThreshold, learning_rule, multi_threshold
from brianbridge.twin.network import to_torch
from brianbridge.twin.population import PopulationTwin

S_MAX = 3
#: What the model adds to u/theta, so that exact multiples are not rounded down.
OFFSET = 1e-9


def bumps(h):
    """Sum over the levels of a shape h of x - k."""
    return lambda x, a: sum(h(x - k, a) for k in range(1, S_MAX + 1))


def logistic_slope(d, a):
    e = math.exp(-abs(d) / a)  # even in d, and so never too large
    return e / (1 + e) ** 2 / a


def union(x, a):
    nearest = min(range(1, S_MAX + 1), key=lambda k: abs(x - k))
    return (abs(x - nearest) < a / 2) / a


#: The module's table, written out: do/dx at x = u/theta.
FORMULAE = {
    "rectangle": bumps(lambda d, a: (abs(d) < a / 2) / a),
    "polynomial": bumps(lambda d, a: max(0.0, math.sqrt(a) / 2 - a / 4 * abs(d))),
    "sigmoid": bumps(logistic_slope),
    "gaussian": bumps(lambda d, a: math.exp(-(d**2) / (2 * a)) / math.sqrt(2 * math.pi * a)),
    "clip": lambda x, a: float(0 <= x <= S_MAX),
    "union": union,
}
POINTS = [-5.0, -0.8, -0.2, 0.2, 0.45, 0.7, 1.0, 1.3, 1.55, 2.0, 2.49, 2.8, 3.3, 3.7, 4.4, 9.0]


def test_every_derivative_is_in_the_table():
    for name in FORMULAE:
        assert f"\n{name} " in multi_threshold.__doc__
        assert MultiThreshold(derivative=name).derivative == name


@pytest.mark.parametrize("theta", [1.0, 0.7])
@pytest.mark.parametrize("width", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("name", FORMULAE)
def test_derivative_is_the_formula(name, width, theta):
    function = multi_threshold._spike_function(name, width, True)
    model = neuron_model("multi_threshold_lif", theta=theta, s_max=S_MAX)
    neurons = PopulationTwin(
        model, (len(POINTS),), 1e-3, spike_function=function, dtype=torch.float64
    )
    u = theta * torch.tensor(POINTS, dtype=torch.float64).reshape(1, 1, -1)
    u.requires_grad_()
    spikes = neurons(u)
    assert spikes.flatten().tolist() == [min(max(math.floor(x + OFFSET), 0), S_MAX) for x in POINTS]
    spikes.sum().backward()
    expected = [FORMULAE[name](x + OFFSET, width) / theta for x in POINTS]
    assert any(expected)
    np.testing.assert_allclose(u.grad.flatten(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["rectangle", "polynomial", "sigmoid", "gaussian"])
@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_shapes_have_the_area_of_their_steps(name, width):
    # h is a bump of area 1 a level: only then does do/du add up to what o rises by.
    function = multi_threshold._spike_function(name, width, True)
    x = torch.arange(-40, 44, 1e-3, dtype=torch.float64)
    area = float(function.slopes(x, 0, S_MAX).sum()) * 1e-3
    assert area == pytest.approx(S_MAX, rel=2e-3)


def test_rectangles_of_width_1_tile_without_a_gap():
    function = multi_threshold._spike_function("rectangle", 1.0, True)
    x = torch.linspace(0.51, S_MAX + 0.49, 200, dtype=torch.float64)
    assert (
        torch.equal(function.slopes(x, 0, S_MAX), torch.ones_like(x)[: len(x)])
        or (function.slopes(x, 0, S_MAX) == 1).double().mean() > 0.98
    )


# ---------------------------------------------------------------------- unrolled


class Staircase(torch.autograd.Function):
    """How many of the levels theta, 2 theta, ... u has reached."""

    @staticmethod
    def forward(ctx, u, theta, name, width):
        x = u / theta + OFFSET
        ctx.save_for_backward(x)
        ctx.rest = theta, name, width
        return sum((x >= k).to(x.dtype) for k in range(1, S_MAX + 1))

    @staticmethod
    def backward(ctx, gradient):
        (x,), (theta, name, width) = ctx.saved_tensors, ctx.rest
        slope = [FORMULAE[name](p, width) / theta for p in x.flatten().tolist()]
        return gradient * torch.tensor(slope, dtype=x.dtype).reshape(x.shape), None, None, None


def m_lif(name, width, reset, detach):
    def fire(layer, inputs):
        kept, emitted = torch.zeros_like(inputs[0]), []
        for y in inputs:
            u = layer.leak * kept + y
            o = Staircase.apply(u, layer.theta, name, width)
            taken = o.detach() if detach else o
            kept = u - taken * layer.theta if reset == "subtract" else u * (o.detach() == 0)
            emitted.append(o)
        return emitted

    return fire


def make(shape, steps, *, reset="subtract", seed=0, **training):
    model = "multi_threshold_lif" if reset == "subtract" else "multi_threshold_lif_zero"
    graded = neuron_model(model, tau=2 * ms, theta=0.8, s_max=S_MAX)
    output = Dense(4, neuron_model("lif", tau=3 * ms))
    if shape == "dense":
        size, layers = (5,), [Dense(8, graded), Dense(6, graded), output]
    else:
        size = (2, 6, 6)
        layers = [
            Conv2d(3, 3, graded, padding=1),
            AvgPool2d(2, graded),
            Conv2d(4, 2, graded),
            Dense(6, graded),
            output,
        ]
    net = SpikingNetwork.sequential(size, layers, encoding=Current(steps), readout="potential")
    random = np.random.default_rng(seed)
    net = net.with_weights(
        {
            p.name: (random.normal(0.3, 0.6, p.weight.shape), random.normal(0, 0.3, len(p.weight)))
            for p in net.projections
            if not p.frozen
        }
    )
    twin = to_torch(net, dtype=torch.float64, **training)
    for module in twin.projections.values():
        if module.norm is not None:
            with torch.no_grad():
                module.norm.gamma += torch.as_tensor(random.uniform(0, 1, len(module.norm.gamma)))
                module.norm.beta += torch.as_tensor(random.uniform(0, 1, len(module.norm.beta)))
    labels = torch.as_tensor(random.integers(0, 4, 8))
    return twin, twin.encode(random.uniform(0, 1.6, (8, *size))), labels


def free_potential(layer, inputs):
    v = torch.zeros_like(inputs[0])
    for y in inputs:
        v = layer.leak * v + y
    return v


def compare(twin, inputs, labels, rule, fire):
    rule.check(twin.network)
    rule.prepare(twin)
    layers = unrolled.layers_of(twin)
    emitted, last = unrolled.run(layers, unrolled.frames(twin, *inputs), fire)
    output = rule.gain * free_potential(layers[-1], last)
    (-output.log_softmax(1)[torch.arange(len(labels)), labels].mean()).backward()
    found = rule.respond(twin, *inputs)
    torch.testing.assert_close(found.output, output, rtol=0, atol=1e-11)
    for layer, spikes in zip(layers, emitted, strict=False):
        assert torch.equal(found.spike_counts(layer.name), sum(spikes))
        assert max(s.max() for s in spikes) > 1, "no spike is graded"
    rule.loss(found.output, labels).backward()
    unrolled.assert_same_gradients(twin, layers)


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch norm"])
@pytest.mark.parametrize("detach", [False, True], ids=["full", "detached"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("shape", ["dense", "conv"])
def test_gradient_through_time_is_the_definition(shape, steps, reset, detach, batch_norm):
    rule = MultiThreshold(derivative="gaussian", width=0.5, detach_reset=detach, gain=0.7)
    fire = m_lif("gaussian", 0.5, reset, detach)
    compare(*make(shape, steps, reset=reset, seed=1, batch_norm=batch_norm), rule, fire)


@pytest.mark.parametrize("name", FORMULAE)
def test_gradient_with_every_derivative(name):
    rule = MultiThreshold(derivative=name, width=1.5, detach_reset=False)
    compare(*make("dense", 2, seed=3), rule, m_lif(name, 1.5, "subtract", False))


def gradient(reset, detach):
    twin, inputs, labels = make("dense", 2, reset=reset, seed=1)
    rule = MultiThreshold(derivative="gaussian", width=0.5, detach_reset=detach)
    rule.prepare(twin)
    rule.loss(rule.respond(twin, *inputs).output, labels).backward()
    return twin.projections["input_to_hidden1"].weight.grad


def test_detaching_matters_for_a_reset_that_subtracts_and_for_no_other():
    full, detached = gradient("subtract", False), gradient("subtract", True)
    assert (full - detached).abs().max() > 0.05 * full.abs().max()
    assert torch.equal(gradient("zero", False), gradient("zero", True))


# ---------------------------------------------------------------------- one step


def rounded_down(z, theta, s_max=S_MAX):
    """Return a ReLU with ``s_max + 1`` values."""
    return torch.clamp(torch.floor(torch.relu(z) / theta), max=s_max)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_at_one_step_it_is_a_quantised_relu_network(reset):
    twin, inputs, _ = make("dense", 1, reset=reset, seed=2)
    rule = MultiThreshold()
    rule.prepare(twin)
    (w1, w2, w3), (b1, b2, b3) = (
        [torch.as_tensor(getattr(p, which)) for p in twin.network.projections]
        for which in ("weight", "bias")
    )
    h1 = rounded_down(inputs[0] @ w1.T + b1, 0.8)
    h2 = rounded_down(h1 @ w2.T + b2, 0.8)
    found = rule.respond(twin, *inputs)
    assert set(h1.unique().tolist()) == set(range(S_MAX + 1)), "all values occur"
    assert torch.equal(found.spike_counts("hidden1").detach(), h1)
    assert torch.equal(found.spike_counts("hidden2").detach(), h2)
    torch.testing.assert_close(found.output.detach(), h2 @ w3.T + b3, rtol=1e-12, atol=1e-12)


def test_at_one_step_clip_is_the_straight_through_gradient_of_that_network():
    twin, inputs, labels = make("dense", 1, seed=2)
    rule = MultiThreshold(derivative="clip")
    rule.prepare(twin)
    rule.loss(rule.respond(twin, *inputs).output, labels).backward()
    layers = unrolled.layers_of(twin)
    x = inputs[0]
    for layer in layers[:-1]:
        z = x @ layer.weight.T + layer.bias
        through = torch.clamp(z / 0.8, 0, S_MAX)
        x = through + (rounded_down(z, 0.8) - through).detach()
    output = x @ layers[-1].weight.T + layers[-1].bias
    torch.nn.functional.cross_entropy(output, labels).backward()
    unrolled.assert_same_gradients(twin, layers)


# ---------------------------------------------------------------------- refusals


def test_networks_without_graded_spikes_are_refused():
    lif = neuron_model("lif")
    net = SpikingNetwork.sequential((3,), [Dense(4, lif), Dense(2, lif)], encoding=Current(2))
    with pytest.raises(InputError, match=r"no neuron emits graded spikes \(models: lif\)"):
        MultiThreshold().check(net)
    graded = neuron_model("multi_threshold_lif")
    net = SpikingNetwork.sequential((3,), [Dense(4, graded), Dense(2, lif)], encoding=Current(2))
    MultiThreshold().check(net)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"derivative": "gausian"}, "Did you mean 'gaussian'"),
        ({"width": 0.0}, "width = 0.0"),
        ({"width": math.inf}, "width = inf"),
        ({"gain": -1.0}, "gain = -1.0"),
        ({"gain": math.nan}, "gain = nan"),
        ({"detach": True}, "Did you mean 'detach_reset'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        learning_rule("multi_threshold", **options)
