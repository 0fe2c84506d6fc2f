"""Bounds of outputs under errors of weights and thresholds: no draw ever leaves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.measures.certificate import certify
from brianbridge.network import AvgPool2d, Conv2d, Dense, Recurrent, SpikingNetwork

IF = bb.neuron_model("if")
ENCODINGS = {"current": Current(6), "bernoulli": Bernoulli(6), "latency": Latency(6)}


def network(kind, seed=0, readout="counts", image=False):
    shape, layers = (6,), [Dense(8, IF), Dense(7, IF), Dense(3, IF)]
    if image:
        shape, layers = (1, 6, 6), [Conv2d(3, 3, IF), AvgPool2d(2), Conv2d(4, 2, IF), Dense(3, IF)]
    net = SpikingNetwork.sequential(shape, layers, encoding=ENCODINGS[kind], readout=readout)
    draw = np.random.default_rng(seed)
    weights = {
        p.name: (
            draw.normal(0.1, 0.4, p.weight.shape),
            None if p.bias is None else draw.normal(0, 0.1, p.bias.shape),
        )
        for p in net.projections
    }
    return net.with_weights(weights)


def drawn(net, weight_error, threshold_error, draw):
    """Return the network with errors anywhere within their bounds, often at their ends."""

    def within(values, error):
        sign = draw.uniform(-1, 1, np.shape(values))
        if draw.random() < 0.5:
            sign = np.sign(sign)
        return values * (1 + error * sign)

    weights = {
        p.name: (
            within(p.weight, weight_error),
            None if p.bias is None else within(p.bias, weight_error),
        )
        for p in net.projections
    }
    populations = tuple(
        replace(
            p,
            neuron=replace(
                p.neuron,
                parameters={
                    **p.neuron.parameters,
                    "theta": within(
                        np.full(p.size, float(p.neuron.parameters["theta"])), threshold_error
                    ),
                },
            ),
        )
        for p in net.populations
    )
    return replace(net.with_weights(weights), populations=populations)


@pytest.mark.parametrize("image", [False, True], ids=["dense", "image"])
@pytest.mark.parametrize("readout", ["counts", "potential"])
@pytest.mark.parametrize("kind", list(ENCODINGS))
def test_no_draw_leaves_the_bounds(kind, readout, image):
    net = network(kind, readout=readout, image=image)
    draw = np.random.default_rng(1)
    x = draw.random((20, *net.input_shape))
    found = certify(net, x, weight_error=0.05, threshold_error=0.03)
    assert (found.low < found.high).any()
    index = np.arange(20)
    for _ in range(30):
        other = bb.to_torch(drawn(net, 0.05, 0.03, draw), dtype=torch.float64).eval()
        with torch.no_grad():
            output = other(x, index=index).numpy()
        assert (output >= found.low).all()
        assert (output <= found.high).all()


@pytest.mark.slow
def test_a_hundred_thousand_draws_stay_within_the_bounds():
    for seed in range(20):
        net = network("current", seed=seed, readout="potential")
        draw = np.random.default_rng(seed)
        x = draw.random((50, 6))
        found = certify(net, x, weight_error=0.05, threshold_error=0.03)
        for _ in range(5):
            other = bb.to_torch(drawn(net, 0.0, 0.03, draw), dtype=torch.float64).eval()
            for _ in range(20):
                weights = drawn(net, 0.05, 0.0, draw)
                with torch.no_grad():
                    for p in weights.projections:
                        module = other.projection(p.name)
                        module.weight.copy_(torch.as_tensor(p.weight))
                        module.bias.copy_(torch.as_tensor(p.bias))
                    output = other(x).numpy()
                assert ((output >= found.low) & (output <= found.high)).all()


def test_without_errors_the_bounds_are_the_output():
    net = network("bernoulli", readout="potential")
    found = certify(net, np.random.default_rng(0).random((10, 6)))
    np.testing.assert_allclose(found.low, found.output, atol=1e-6)
    np.testing.assert_allclose(found.high, found.output, atol=1e-6)
    assert found.certified.mean() > 0.9


def test_larger_errors_certify_fewer_samples():
    net, x = network("current"), np.random.default_rng(0).random((40, 6))
    shares = [certify(net, x, weight_error=e).certified.mean() for e in (0.0, 0.01, 0.5)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 0


def test_the_bounds_of_one_neuron_by_hand():
    net = SpikingNetwork.sequential((1,), [Dense(2, IF)], encoding=Current(10), readout="counts")
    net = net.with_weights({"input_to_output": (np.array([[0.35], [-0.35]]), None)})
    found = certify(net, np.ones((1, 1)), weight_error=0.2)
    assert found.output.tolist() == [[3, 0]]
    assert found.low.tolist() == [[2, 0]]  # ten times 0.28
    assert found.high.tolist() == [[4, 0]]  # ten times 0.42


def test_what_has_no_bounds_is_refused():
    x = np.ones((1, 6))
    lif = SpikingNetwork.sequential((6,), [Dense(3, bb.neuron_model("lif"))], encoding=Current(4))
    loop = SpikingNetwork.sequential(
        (6,), [Dense(3, IF), Recurrent(), Dense(2, IF)], encoding=Current(4)
    )
    for net, options, message in (
        (lif, {}, "do not only sum"),
        (loop, {}, "loop|feedback"),
        (network("latency", readout="first_spike"), {}, "first_spike"),
        (network("current"), {"weight_error": 1.0}, "weight_error = 1.0"),
        (network("current"), {"threshold_error": -0.1}, "threshold_error = -0.1"),
    ):
        with pytest.raises(InputError, match=message):
            certify(net, x, **options)
    with pytest.raises(InputError, match="negative"):
        certify(network("current"), -x)


def test_neurons_that_do_not_fire_whenever_they_reach_theta_are_refused():
    """Their counts are no function of what they received: the bounds would be wrong."""
    net = SpikingNetwork.sequential((1,), [Dense(2, IF)], encoding=Current(10), readout="counts")
    net = net.with_weights({"input_to_output": (np.array([[0.9], [0.5]]), None)})
    x = np.ones((1, 1))
    once = certify(net.with_refractory("1 ms"), x)  # one step: it may fire in the next
    assert (once.low <= once.output).all()
    assert (once.output <= once.high).all()
    (population,) = net.populations
    late = replace(IF, emit=IF.emit.replace("theta", "1.5*theta"))
    negative = replace(IF, parameters={"theta": -1.0})
    for other in (
        net.with_refractory("2 ms"),
        replace(net, populations=(replace(population, neuron=late),)),
        replace(net, populations=(replace(population, neuron=negative),)),
    ):
        with pytest.raises(InputError, match="fire at 'theta' in any step"):
            certify(other, x)
