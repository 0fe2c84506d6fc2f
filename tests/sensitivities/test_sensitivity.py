"""Sensitivity: closed forms, exact paths, honest disagreement, and what has no gradient."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, Synapses, ms, mV
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

import brianbridge as bb
from brianbridge.errors import InputError
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.sensitivities.estimates import agreement, elasticity
from brianbridge.sensitivities.gradient import ChangingTwin, derivatives
from brianbridge.sensitivities.outcomes import outcomes_of
from brianbridge.sensitivities.parameters import parameters_of
from brianbridge.simulation.simulate import simulate
from brianbridge.twin import SpikeFunction

X = np.random.default_rng(1).random((12, 6))
DATA = bb.from_arrays("mine", X, np.arange(12) % 3)


def network(neuron="lif", readout="counts", sizes=(8, 3), gain=6.0, **parameters):
    model = bb.neuron_model(neuron, **parameters)
    layers = [bb.layers.Dense(n, model) for n in sizes]
    return SpikingNetwork.sequential(
        (6,), layers, encoding=bb.Current(20), readout=readout, weight_gain=gain, seed=2
    )


def driven(neuron, steps, dt, unit):
    """Return one neuron whose drive is its input, in a unit of 1/s."""
    population = Population("output", (1,), neuron)
    projection = Projection("input", "output", np.array([[1.0]]))
    net = SpikingNetwork((1,), bb.Current(steps, dt=dt), (population,), (projection,))
    gain = input_gain(net, "output")
    return net.with_weights({projection.name: (np.array([[unit * gain]]), None)})


def row(found, parameter, population="output", outcome=None):
    [one] = [
        r for r in found.rows
        if (r.owner, r.parameter) == (population, parameter) and outcome in (None, r.outcome)
    ]  # fmt: skip
    return one


# ---------------------------------------------------------------------- closed forms


def test_the_rate_of_a_leaky_neuron_changes_as_its_f_i_curve_says():
    """With u = I tau/theta the rate is 1/(tau ln(u/(u - 1)))."""
    u = np.linspace(1.5, 4, 40)
    net = driven(bb.neuron_model("lif_zero", tau=10 * ms), 2000, 0.1 * ms, 100.0)
    found = bb.sensitivity(net, u[:, None], of="counts", samples=40, step=0.05)
    logarithm = np.log(u / (u - 1))
    rate = 1 / logarithm
    by_u = u * (1 / (u - 1) - 1 / u) / logarithm  # elasticity of the rate by u
    expected = {"tau": by_u - 1, "theta": -by_u}
    for name, elasticities in expected.items():
        estimate = row(found, name).brian2
        mean = (elasticities * rate).sum() / rate.sum()
        assert abs(estimate.value - mean) < 3 * estimate.error
        assert estimate.error < 0.05
    # The surrogate derivative has the sign, but at this step not the size; the table says so.
    theta = row(found, "theta")
    assert theta.gradient.value < 0
    assert theta.agree is False
    assert theta.mark == "differ"
    assert "differ: " in str(found)


def test_the_refractory_period_has_only_a_difference():
    """The interval is the period plus a constant T: the elasticity is -period/(period + T)."""
    u = np.linspace(2, 4, 20)
    waiting = bb.NeuronModel(
        "dv/dt = -v/tau + drive : 1 (unless refractory)\ndrive : Hz", threshold="v > 1",
        reset="v = 0", drive="drive", refractory=5 * ms, parameters={"tau": 10 * ms},
    )  # fmt: skip
    net = driven(waiting, 4000, 0.1 * ms, 100.0)
    found = bb.sensitivity(net, u[:, None], of="counts", step=0.05)
    one = row(found, "refractory")
    interval = 10 * np.log(u / (u - 1)) + 5
    expected = -5 * (interval**-2).sum() / (interval**-1).sum()
    assert one.gradient is None
    assert one.agree is None
    assert one.brian2.value == pytest.approx(expected, abs=0.05)
    assert "output.refractory" in found.no_gradient


def test_a_refractory_period_changes_by_whole_steps():
    neuron = bb.neuron_model("lif")
    short = replace(neuron, refractory=2 * ms, initial=neuron.initial_as_given)
    net = driven(short, 20, 1 * ms, 100.0)
    parameters, _ = parameters_of(net, 0.02)
    assert {p.name: p.up for p in parameters}["refractory"] == 0.5
    longer = parameters[-1].apply(net, 0.5).output.neuron
    assert longer.refractory == 3 * ms


# ---------------------------------------------------------------------- exact paths


@pytest.mark.parametrize("of", ["potential", "loss"])
@pytest.mark.parametrize("neuron", ["lif", "cuba_lif"])
def test_both_columns_are_equal_where_no_spike_is_differentiated(of, neuron):
    encoding = bb.Current(20) if neuron == "lif" else bb.Bernoulli(20)
    layers = [bb.layers.Dense(3, bb.neuron_model(neuron))]
    net = SpikingNetwork.sequential(
        (6,), layers, encoding=encoding, readout="potential", weight_gain=3.0, seed=4
    )
    found = bb.sensitivity(net, DATA, of=of, step=1e-4)
    tau = row(found, "tau")
    assert abs(tau.gradient.value) > 0.01
    assert tau.brian2.value == pytest.approx(tau.gradient.value, rel=1e-6)
    assert tau.agree
    theta = row(found, "theta")  # the output does not fire
    assert (theta.gradient.value, theta.brian2.value, theta.agree) == (0, 0, True)


def test_values_of_single_neurons_change_together():
    taus = [5, 10, 20] * ms
    layers = [bb.layers.Dense(3, bb.neuron_model("lif").with_parameters(tau=taus))]
    net = SpikingNetwork.sequential(
        (6,), layers, encoding=bb.Current(20), readout="potential", weight_gain=3.0
    )
    tau = row(bb.sensitivity(net, DATA, of="potential", step=1e-4), "tau")
    assert tau.value == "5 ms to 20 ms"
    assert tau.brian2.value == pytest.approx(tau.gradient.value, rel=1e-6)


def test_a_parameter_that_is_0_changes_by_its_natural_unit():
    group = NeuronGroup(
        3, "dv/dt = (EL - v + I)/(10*ms) : volt\nI : volt (constant)", threshold="v > 8*mV",
        reset="v = EL", method="exact", name="cells", namespace={"EL": 0 * mV},
    )  # fmt: skip
    group.I = [1, 2, 4] * mV
    net = bb.from_brian2([group], steps=20 * ms, dt=0.5 * ms)

    found = bb.sensitivity(net, None, of="counts", step=0.5)
    level = row(found, "EL", "cells")
    assert level.per == "6 mV"  # from 2 mV, where the second neuron rests, to the threshold
    assert "* cells.EL is 0: per % of its unit, 6 mV" in str(found)
    assert level.note == "the outcome is 0, and there is no per cent of it"
    assert level.gradient is None
    assert json.loads(found.to_json())["outcomes"] == {"spikes of cells": 0.0}


def test_the_slope_of_a_sample_does_not_depend_on_its_batch():
    net = network(sizes=(8, 3), readout="potential")
    parameters = parameters_of(net, 0.02)[0]
    twin = ChangingTwin(net, parameters)
    outcomes = outcomes_of(twin, ["counts", "potential"], labelled=False)
    together = derivatives(twin, X, None, outcomes, seed=0, batch_size=12)
    in_parts = derivatives(twin, X, None, outcomes, seed=0, batch_size=5)
    assert together.shape == (2, 4, 12)
    assert np.ptp(together[1, 0]) > 0
    np.testing.assert_allclose(together, in_parts, rtol=1e-12)


def test_the_gradient_is_that_of_a_twin_that_learns():
    """A learned parameter above 0 is exp(raw) times its start, so raw has its slope."""
    net = network()
    twin = bb.to_torch(net, learn={"hidden": ["tau", "theta"]}, dtype=torch.float64)
    counts = twin.run(*twin.encode(X)).spikes["hidden"].sum(0).mean()
    learned = twin.learned["hidden"].parametrizations
    raw = [learned[name].original for name in ("tau", "theta")]
    expected = torch.autograd.grad(counts, raw)
    found = bb.sensitivity(net, X, of="counts")
    mean = found.outcomes["spikes of hidden"]
    for name, slope in zip(("tau", "theta"), expected, strict=True):
        estimate = row(found, name, "hidden", "spikes of hidden").gradient
        assert estimate.value == pytest.approx(float(slope) / mean, rel=1e-9)


def test_outcomes_of_the_twin_are_those_of_brian2():
    net = network("multi_threshold_lif")
    found = bb.sensitivity(net, DATA, of="counts")
    exact = bb.to_torch(net).record(X)
    for name in ("hidden", "output"):
        assert found.outcomes[f"spikes of {name}"] == pytest.approx(exact.counts[name].mean())


def test_noise_is_the_same_in_every_run():
    noisy = bb.NeuronModel(
        "dv/dt = -v/tau + 0.3*xi*tau**-0.5 : 1", threshold="v > 1", reset="v = 0",
        method="euler", parameters={"tau": 10 * ms, "unused": 3.0},
    )  # fmt: skip
    layers = [bb.layers.Dense(3, noisy, bias=False)]
    net = SpikingNetwork.sequential((6,), layers, encoding=bb.Bernoulli(50), weight_gain=8.0)
    unused = row(bb.sensitivity(net, DATA, of="counts", seed=5), "unused")
    assert (unused.changed, unused.gradient.value, unused.brian2.value) == (0, 0, 0)
    assert unused.mark == ""


# ---------------------------------------------------------------------- trained networks


@pytest.fixture(scope="module")
def trained():
    data = bb.load_dataset("digits", seed=0)
    layers = [
        bb.layers.Dense(32, bb.neuron_model("lif")),
        bb.layers.Dense(10, bb.neuron_model("lif")),
    ]
    net = SpikingNetwork.sequential((8, 8), layers, encoding=bb.Current(10), readout="potential")
    twin = bb.to_torch(net)
    bb.train(twin, data.train, "surrogate_gradient", epochs=6, seed=0)
    return bb.write_back(twin), data.test


def test_a_trained_network_says_what_matters(trained):
    net, test = trained
    found = bb.sensitivity(net, test, of=["loss", "accuracy", "counts"], samples=60, step=0.05)
    assert list(found.outcomes) == ["loss", "accuracy", "spikes of hidden"]
    theta = row(found, "theta", "hidden", "spikes of hidden")
    assert theta.brian2.value < -2 * theta.brian2.error
    assert theta.gradient.value < 0
    tau = row(found, "tau", "output", "loss")
    assert tau.agree  # no spike lies between this parameter and the loss
    assert tau.gradient.value == pytest.approx(tau.brian2.value, rel=0.05)
    hits = row(found, "theta", "hidden", "accuracy")
    assert hits.gradient is None
    assert "accuracy" in found.no_gradient
    assert found.outcomes["accuracy"] > 0.6


def test_labels_may_be_given_beside_the_samples(trained):
    net, test = trained
    wanted = bb.sensitivity(net, test, samples=5)
    tensors = TensorDataset(torch.tensor(test.x), torch.tensor(test.y))
    for data in ((test.x, test.y), tensors):
        assert bb.sensitivity(net, data, samples=5).outcomes == wanted.outcomes


def test_the_loss_is_that_of_the_training(trained):
    net, test = trained
    other = net.with_weights({}, rule={**net.provenance["rule"], "gain": 3.0})
    one, two = (bb.sensitivity(n, test, samples=10).outcomes["loss"] for n in (net, other))
    assert one != two
    twin = bb.to_torch(net)
    output = twin.natural_output(torch.as_tensor(twin.record(test.x[:10]).output))
    expected = cross_entropy(output, torch.as_tensor(test.y[:10]))
    assert one == pytest.approx(float(expected), rel=1e-5)


# ---------------------------------------------------------------------- estimates


def test_the_error_of_an_elasticity_is_that_of_resampling():
    rng = np.random.default_rng(0)
    outcome = rng.gamma(4.0, size=200)
    slopes = 0.7 * outcome + rng.standard_normal(200)
    estimate = elasticity(slopes, outcome)
    draws = rng.integers(0, 200, (4000, 200))
    resampled = slopes[draws].mean(1) / outcome[draws].mean(1)
    assert estimate.value == slopes.mean() / outcome.mean()
    assert estimate.error == pytest.approx(resampled.std(), rel=0.05)


def test_an_increase_is_positive_also_of_a_negative_outcome():
    assert elasticity(np.ones(3), np.array([-1.0, -2.0, -3.0])).value == 0.5
    assert elasticity(np.ones(1), np.array([-2.0])).error is None


def test_a_gradient_that_explodes_agrees_with_nothing():
    outcome = np.ones(20)
    difference = np.tile([0.1, 0.2], 10)
    exploding = np.r_[np.full(19, 0.15), 1e4]
    assert agreement(exploding, difference, outcome) is None
    assert agreement(difference + 0.001, difference, outcome) is True
    assert agreement(difference + 0.1, difference, outcome) is False


def test_one_sample_does_not_tell_whether_both_differ():
    one, two = np.array([0.3]), np.array([0.2])
    assert agreement(one, two, np.ones(1)) is None
    assert agreement(one, one + 0.001, np.ones(1)) is True
    found = bb.sensitivity(network(), X[:1], of="counts", step=0.3)
    assert not any(r.mark in ("differ", "noisy") for r in found.rows)
    assert "one sample has no standard error" in str(found)


# ---------------------------------------------------------------------- the result and refusals


def test_the_result_is_a_table_json_and_html(tmp_path):
    def last_spikes(recording):
        return recording.counts["output"][:, -1]

    found = bb.sensitivity(network(), DATA, of=["counts", last_spikes], step=0.1)
    text, html = str(found), found._repr_html_()
    assert "Sensitivity of spikes of hidden" in text
    assert html.count("<table>") == len(found.outcomes) == 3
    assert "no gradient: last_spikes (a function of a recording)" in text
    entry = json.loads(found.save(tmp_path / "sensitivity.json").read_text())
    assert entry == json.loads(found.to_json())
    assert len(entry["rows"]) == 3 * 4
    assert entry["rows"][0]["brian2"]["value"] == found.rows[0].brian2.value


def test_a_condition_is_left_out():
    gated = bb.NeuronModel(
        "dv/dt = -v/tau : 1", emit="int(v > 1 and on)", reset="v = 0", receive="v",
        parameters={"tau": 10 * ms, "on": True},
    )  # fmt: skip
    layers = [bb.layers.Dense(3, gated, bias=False)]
    net = SpikingNetwork.sequential((6,), layers, encoding=bb.Bernoulli(9), weight_gain=8.0)
    found = bb.sensitivity(net, DATA, of="counts")
    assert found.left_out == {"output.on": "a condition, which has no per cent"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"of": "losss"}, "Did you mean 'loss'?"),
        ({"of": []}, "give one, such as 'counts'"),
        ({"of": ["loss", "loss"]}, "names 'loss' twice"),
        ({"of": "potential"}, "the readout is 'counts'; give of = 'counts'"),
        ({"samples": 0}, "samples = 0; give a whole number of at least 1"),
        ({"samples": 2.5}, "samples = 2.5; give a whole number"),
        ({"step": "2 %"}, "step = '2 %'; give a share"),
        ({"of": None}, "of = None is no outcome"),
        ({"of": lambda recording: ["a"] * 12}, "shape (12,) and type <U1; return one finite"),
        ({"spike_function": "arctan"}, "such as bb.twin.SpikeFunction('arctan')"),
        ({"step": 0.0}, "step = 0.0; give a share"),
        ({"seed": -1}, "seed = -1; give an integer of at least 0"),
        ({"of": lambda recording: 3.0}, "return one finite number for each of the 12 samples"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(options, said, refused):
    with refused(said):
        bb.sensitivity(network(), DATA, **options)


def test_data_that_do_not_fit_are_refused(refused):
    with refused("needs labels; give a dataset"):
        bb.sensitivity(network(), X, of="loss")
    with refused("(12, 5)", "(samples, 6)"):
        bb.sensitivity(network(), X[:, :5], of="counts")
    with refused("give bb.write_back(twin)"):
        bb.sensitivity(bb.to_torch(network()), DATA)
    with refused("give a SpikingNetwork"):
        bb.sensitivity("network.h5", DATA)


def test_a_value_that_brian2_cannot_run_is_told_in_its_row(monkeypatch):
    def fails(network, **keywords):
        if network.output.neuron.parameters["theta"] > 1:
            raise InputError("no such threshold")
        return simulate(network, **keywords)

    monkeypatch.setattr("brianbridge.sensitivities.run.simulate", fails)
    found = bb.sensitivity(network(sizes=(3,)), DATA, of="counts")
    theta = row(found, "theta")
    assert theta.brian2 is None
    assert theta.note == "no run with +2 %: no such threshold"
    assert row(found, "tau").brian2 is not None


def test_gradients_at_small_steps_do_not_explode():
    generator = np.random.default_rng(0)
    group = NeuronGroup(
        20, "dv/dt = (E - v + I + s)/tau : volt\nds/dt = -s/(5*ms) : volt\nI : volt",
        threshold="v > theta", reset="v = -62*mV", method="exponential_euler", dt=0.1 * ms,
        namespace={"E": -70 * mV, "tau": 15 * ms, "theta": -50 * mV}, name="cells",
    )  # fmt: skip
    group.v, group.I = -70 * mV, generator.uniform(19, 28, 20) * mV
    wires = Synapses(group, group, on_pre="s += 3*mV", dt=0.1 * ms)
    wires.connect(i=generator.integers(0, 20, 40), j=generator.integers(0, 20, 40))
    network = bb.from_brian2(Network(group, wires), steps=1000, dt=0.1 * ms, output="cells")

    def largest(**options):
        rows = bb.sensitivity(network, None, of="counts", **options).rows
        return max(abs(r.gradient.value / r.brian2.value) for r in rows if r.parameter == "theta")

    assert largest() < 1e3
    assert largest(spike_function=SpikeFunction()) > 1e6
