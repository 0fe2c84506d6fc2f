"""The backward network of SPIDE: transposed projections, and its spikes against NumPy."""

import math

import equilibrium_by_hand as by_hand
import numpy as np
import pytest
import torch
from brian2 import ms
from projection_cases import PROJECTIONS, matrix

import brianbridge as bb
from brianbridge.network import Dense, Projection, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules.equilibrium.backward_network import (
    backward_network,
    silencing_input,
    transposed,
)
from brianbridge.twin.network import to_torch

LEAKS = {"if_rest": 1.0, "lif_rest": math.exp(-1 / 20)}


def listed(table):
    """Return synapses in an order of their own."""
    order = np.lexsort((table.weight, table.target, table.source))
    return table.source[order], table.target[order], table.weight[order]


def assert_transposed(projection, source, target):
    connection, weight = transposed(projection, source, target)
    back = Projection("b", "a", weight, None, connection)
    back.check(target, source)
    there = projection.synapses(source, target)
    here = listed(back.synapses(target, source))
    expected = listed(type(there)(there.target, there.source, there.weight))
    for ours, theirs in zip(here, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return back


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_transposed_projection_has_the_same_synapses_the_other_way_round(name):
    assert_transposed(*PROJECTIONS[name])


@pytest.mark.parametrize("shape", by_hand.SHAPES)
def test_every_projection_of_a_network_is_transposed(shape):
    net = by_hand.make(shape)
    for p in net.projections:
        ends = net.shape_of(p.source), net.shape_of(p.target)
        back = assert_transposed(p, *ends)
        np.testing.assert_array_equal(matrix(back, *ends[::-1]), matrix(p, *ends).T)


def backward_stage(shape, neuron, *, steps=60, theta=0.5, rest=-0.5, seed=0):
    """Return the backward network, its input, and the spikes that NumPy has, by population."""
    net = by_hand.make(shape, neuron, seed=seed)
    hand = by_hand.ByHand(net, LEAKS[neuron])
    random = np.random.default_rng(seed)
    g = {p.name: random.normal(0, 0.15 * theta, (4, p.size)) for p in net.firing}
    m = {name: (random.random(values.shape) < 0.7).astype(float) for name, values in g.items()}
    scale = {name: 1 / hand.unit(name) for name in hand.names}
    tau = None if neuron == "if_rest" else 20 * ms
    back = backward_network(net, scale, steps=steps, theta=theta, rest=rest, tau=tau)
    silent = silencing_input(back)
    x = np.concatenate([np.where(m[p.name] > 0, g[p.name], silent) for p in back.populations], 1)
    return back, x, hand.ternary(g, m, steps=steps, theta=theta, rest=rest), m


def assert_same_spikes(found, expected):
    for name, spikes in expected.items():
        spikes_found = found[name].reshape(spikes.shape)
        np.testing.assert_array_equal(spikes_found, spikes, err_msg=name)


@pytest.mark.parametrize("neuron", LEAKS)
@pytest.mark.parametrize("shape", by_hand.SHAPES)
def test_ternary_spikes_are_those_of_numpy(shape, neuron):
    back, x, expected, m = backward_stage(shape, neuron)
    found = to_torch(back, dtype=torch.float64).record_batch(x).spikes
    assert_same_spikes(found, expected)
    for name, spikes in expected.items():
        assert {-1.0, 1.0} <= set(np.unique(spikes)), "both signs"
        assert (spikes != 0).mean() > 0.01
        assert not found[name].reshape(spikes.shape)[:, m[name] == 0].any()


@pytest.mark.parametrize(("theta", "rest"), [(0.3, 0.0), (0.4, -0.2), (1.0, -1.0)])
def test_reset_is_by_threshold_minus_rest(theta, rest):
    back, x, expected, _ = backward_stage("layers", "if_rest", theta=theta, rest=rest, seed=1)
    found = to_torch(back, dtype=torch.float64).record_batch(x).spikes
    assert_same_spikes(found, expected)


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize("shape", ["layers", "conv"])
def test_brian2_makes_the_same_ternary_spikes(shape, path):
    for neuron in LEAKS if path == "batched" else ["if_rest"]:
        back, x, expected, _ = backward_stage(shape, neuron, seed=2)
        found = bb.simulate(back, x, backend=bb.Backend(path=path)).spikes
        assert_same_spikes(found, expected)


def test_feedback_is_heard_one_step_later_and_layers_at_once():
    """An error that fires the last layer at once; the others do nothing but hand it on."""
    neuron = neuron_model("if_rest")
    net = SpikingNetwork.sequential(
        (1,),
        [
            Dense(1, neuron),
            Dense(1, neuron),
            bb.layers.Feedback("hidden1"),
            Dense(1, neuron_model("if")),
        ],
        encoding=bb.Current(4), readout="potential",
    )  # fmt: skip
    net = net.with_weights({p.name: (np.ones_like(p.weight), None) for p in net.projections})
    back = backward_network(net, {"hidden1": 0.5, "hidden2": 0.5}, steps=4)
    spikes = to_torch(back).record_batch(np.array([[0.5, 0.0]])).spikes
    # hidden2 fires at once, and so (0.5 of it) does hidden1; hidden2 hears that in the next step:
    # -0.5 + 0.5 + 0.5 = 0.5, so that it fires again, while hidden1 goes from -0.5 to 0.
    assert spikes["hidden2"].ravel().tolist() == [1, 1, 0, 1]
    assert spikes["hidden1"].ravel().tolist() == [1, 0, 0, 1]


def test_it_is_a_network_of_flat_errors_in_the_order_of_its_populations():
    net = by_hand.make("conv")
    back = backward_network(net, {"conv1": 0.5, "conv2": 0.5}, steps=7)
    assert [p.name for p in back.populations] == ["conv2", "conv1"]
    assert back.input_shape == (sum(p.size for p in net.firing),)
    assert (back.steps, back.dt, back.readout) == (7, net.dt, "counts")
    lead = {
        p.name: (p.feedback, p.connection.kind) for p in back.projections if p.source != "input"
    }
    assert lead == {
        "conv2_to_conv1": (False, "conv_transpose2d"),
        "conv1_to_conv2": (True, "conv2d"),
    }


def test_delays_labels_and_the_readout_are_kept_or_left_out():
    neuron, delay = neuron_model("if_rest"), 2 * ms
    layers = [Dense(3, neuron), Recurrent(delay=delay), Dense(2, neuron_model("if"))]
    net = SpikingNetwork.sequential((4,), layers, encoding=bb.Current(5), readout="potential")
    back = backward_network(net, {"hidden": 0.5}, steps=5)
    loop = next(p for p in back.projections if p.name == "hidden_to_hidden")
    assert (loop.delay, loop.feedback, loop.frozen) == (2e-3, True, True)
    assert all("output" not in (p.source, p.target) for p in back.projections)
