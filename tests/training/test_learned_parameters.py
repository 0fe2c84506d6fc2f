"""Neuron parameters that training changes: their ranges, their way through training and back."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, ms
from learning_networks import LIF, script, two_layers

import brianbridge as bb
from brianbridge.neurons.quantities import si_array
from brianbridge.training import natural_units

X = np.random.default_rng(1).random((6, 4))


def step(twin, number=5, rate=0.1):
    """Train for some steps towards fewer spikes and other outputs."""
    optimizer = torch.optim.Adam(twin.parameters(), lr=rate)
    inputs = twin.encode(X[:, : twin.network.input_shape[0]] if X.ndim == 2 else X)
    for _ in range(number):
        optimizer.zero_grad()
        activity = twin.run(*inputs)
        (sum(s.mean() for s in activity.spikes.values()) - activity.output.std()).backward()
        with natural_units(twin):
            optimizer.step()
    return twin


# ---------------------------------------------------------------------- values and ranges


def test_a_twin_that_learns_starts_as_one_that_does_not():
    net = two_layers()
    learn = {"hidden": ["tau", bb.Learn("theta", each="neuron", low=0.1, high=3.0)]}
    twin, plain = bb.to_torch(net, learn=learn), bb.to_torch(net)
    torch.testing.assert_close(twin(X), plain(X))
    assert not any("learn" in name for name in plain.state_dict())
    source = plain.population("hidden").rendered.source
    assert source == bb.to_torch(net, learn={}).population("hidden").rendered.source
    for before, after in zip(net.populations, bb.write_back(twin).populations, strict=True):
        for name, value in before.neuron.parameters.items():
            assert np.all(si_array(after.neuron.parameters[name]) == si_array(value)), "to the bit"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [50.0, -50.0])
def test_values_stay_in_their_range(dtype, rate):
    learn = [
        bb.Learn("C", low="100 pF", high="400 pF"),
        bb.Learn("g_L"),
        bb.Learn("a", high="5 nS"),
        bb.Learn("delta_T", each="neuron"),
        bb.Learn("E_L"),
    ]
    twin = bb.to_torch(two_layers(bb.neuron_model("adex")), dtype=dtype, learn={"hidden": learn})
    with torch.no_grad():
        for raw in twin.learned.parameters():
            raw += rate
    values = {name: v.detach().numpy() for name, v in twin.parameters_of("hidden").items()}
    assert all(
        np.isfinite(v).all() and v.dtype == np.dtype(str(dtype)[6:]) for v in values.values()
    )
    assert 99.9e-12 <= values["C"] <= 400.1e-12
    assert values["g_L"] >= 0
    assert values["a"] <= 5e-9
    assert values["delta_T"].shape == (5,)
    assert np.all(values["delta_T"] >= 0), "the equations divide by it"
    assert np.sign(values["E_L"]) == np.sign(rate), "a potential may have any sign"
    assert abs(values["E_L"]) > 0.5, "in units of tens of millivolts"


def test_a_value_can_be_set_and_kept_in_a_state_dict():
    learn = {"hidden": ["tau", bb.Learn("theta", each="neuron", low=0.5, high=2.0)]}
    twin = bb.to_torch(two_layers(), dtype=torch.float64, learn=learn)
    twin.learned.hidden.tau = torch.tensor(0.004, dtype=torch.float64)
    twin.learned.hidden.theta = torch.linspace(0.6, 1.9, 5, dtype=torch.float64)
    other = bb.to_torch(
        two_layers(LIF.with_parameters(tau="7 ms")), dtype=torch.float64, learn=learn
    )
    other.load_state_dict(twin.state_dict())
    for found in (twin, other):
        values = found.parameters_of("hidden")
        np.testing.assert_allclose(values["tau"].item(), 0.004, rtol=1e-7)
        np.testing.assert_allclose(values["theta"].detach(), np.linspace(0.6, 1.9, 5))


def test_a_value_out_of_range_cannot_be_set():
    twin = bb.to_torch(two_layers(), learn={"hidden": ["tau", bb.Learn("theta", high=2.0)]})
    with pytest.raises(bb.InputError, match="'tau' of population 'hidden': give values above 0"):
        twin.learned.hidden.tau = torch.tensor(-1.0)
    with pytest.raises(bb.InputError, match="give values above 0 and below 2"):
        twin.learned.hidden.theta = torch.tensor(2.5)


def test_weight_decay_pulls_towards_the_initial_value():
    twin = bb.to_torch(two_layers(), dtype=torch.float64, learn={"hidden": ["tau"]})
    twin.learned.hidden.tau = torch.tensor(0.02, dtype=torch.float64)
    optimizer = torch.optim.SGD(twin.learned.parameters(), lr=0.1, weight_decay=1.0)
    (0 * twin(X)).sum().backward()
    optimizer.step()
    assert 0.01 < twin.learned.hidden.tau.item() < 0.02


def test_an_initial_value_follows_the_parameter_that_it_names():
    neuron = bb.NeuronModel(
        "dv/dt = (E - v)/tau + drive : 1\ndrive : Hz", receive="v", drive="drive",
        initial={"v": "E/2 + 0.25"},
        parameters={"E": 1.0, "tau": "10 ms"},
    )  # fmt: skip
    net = two_layers(encoding=bb.Bernoulli(1))
    output = replace(net.populations[1], neuron=neuron)
    net = replace(net, populations=(net.populations[0], output), readout="potential")
    twin = bb.to_torch(net, dtype=torch.float64, learn={"output": ["E"]})
    twin.learned.output.E = torch.tensor(3.0, dtype=torch.float64)
    written = bb.write_back(twin)
    assert written.output.neuron.initial["v"] == pytest.approx(1.75)
    again = bb.to_torch(written, dtype=torch.float64)
    torch.testing.assert_close(twin.eval()(X), again.eval()(X))


# ---------------------------------------------------------------------- what comes back


def assert_parity(twin, x=X, paths=("batched", "reference")):
    """The live twin, the written-back one and Brian2 agree spike by spike."""
    written = bb.write_back(twin)
    live = twin.eval().run(*twin.encode(x))
    for path in paths:
        found = bb.simulate(written, x, backend=bb.Backend(path=path))
        exact = twin.record(x)
        for name, spikes in live.spikes.items():
            assert spikes.any()
            np.testing.assert_array_equal(spikes.detach().numpy(), found.spikes[name])
            np.testing.assert_array_equal(exact.spikes[name], found.spikes[name])
    return written


@pytest.mark.parametrize("each", ["population", "neuron"])
@pytest.mark.parametrize("model", ["lif", "cuba_lif", "adex"])
def test_constant_input_follows_a_learned_parameter(model, each):
    """What a constant adds in a step depends on the time constant; in Brian2, too."""
    neuron = bb.neuron_model(model)
    names = [n for n in ("tau", "C") if n in neuron.parameters]
    learn = {"hidden": [bb.Learn(n, each=each) for n in names], "output": ["tau"]}
    twin = step(bb.to_torch(two_layers(neuron), dtype=torch.float64, learn=learn))
    written = assert_parity(twin)
    value = written.populations[0].neuron.parameters[names[0]]
    assert np.shape(value) == ((5,) if each == "neuron" else ())
    assert value.dim is neuron.parameters[names[0]].dim
    assert np.all(si_array(value) != si_array(neuron.parameters[names[0]]))


@pytest.mark.parametrize("each", ["population", "channel", "neuron"])
def test_channels_of_images(each, tmp_path):
    rng = np.random.default_rng(0)
    theta = np.repeat(rng.uniform(0.5, 1.0, 3), 16) if each != "population" else 0.8
    layers = [bb.Conv2d(3, 3, LIF.with_parameters(theta=theta), padding=1), bb.Dense(2, LIF)]
    net = bb.SpikingNetwork.sequential(
        (1, 4, 4), layers, encoding=bb.Current(20), seed=1, weight_gain=8.0
    )
    chosen = [bb.Learn("theta", each=each), bb.Learn("tau", each=each)]
    twin = bb.to_torch(net, dtype=torch.float64, learn={net.populations[0].name: chosen})
    x = rng.random((3, 1, 4, 4))
    twin(x).std().backward()
    shape = {"population": (), "channel": (3, 1, 1), "neuron": (3, 4, 4)}[each]
    with torch.no_grad():
        for raw in twin.learned.parameters():
            assert raw.shape == shape
            assert raw.grad.any()
            raw += 0.1 * raw.grad.sign()
    written = assert_parity(twin, x)
    bb.save_network(written, tmp_path / "net.h5")
    assert bb.load_network(tmp_path / "net.h5").populations == written.populations


def test_a_fixed_parameter_may_differ_between_neurons_of_an_image():
    neuron = bb.neuron_model("cuba_lif", tau_s=np.linspace(3, 8, 8) * ms)
    layer = bb.Conv2d(2, 1, neuron)
    net = bb.SpikingNetwork.sequential(
        (1, 2, 2), [layer, bb.Dense(2, LIF)], encoding=bb.Bernoulli(30), seed=1, weight_gain=20.0
    )
    name = net.populations[0].name
    twin = bb.to_torch(net, dtype=torch.float64, learn={name: [bb.Learn("tau", each="channel")]})
    getattr(twin.learned, name).tau = torch.tensor([0.012, 0.02], dtype=torch.float64).reshape(
        2, 1, 1
    )
    assert_parity(twin, np.ones((3, 1, 2, 2)))


def test_parameters_return_to_the_groups_of_the_user():
    theta = 1.0  # noqa: F841  (Brian2 finds it here)
    mine = script()
    net = bb.from_brian2(mine, steps=100, input="pixels")
    learn = [
        "theta", "low", bb.Learn("tau", each="neuron"), bb.Learn("v", each="neuron"), bb.Learn("E"),
    ]  # fmt: skip
    twin = step(bb.to_torch(net, dtype=torch.float64, learn={"cells": learn}))
    written = bb.write_back(twin, into=mine)
    cells = mine["cells"]
    model = written.populations[0].neuron
    assert cells.namespace["theta"] == model.parameters["theta"] != 1.0
    assert cells.namespace["low"] == model.parameters["low"] != 0.05
    np.testing.assert_array_equal(cells.tau[:], model.parameters["tau"])
    np.testing.assert_array_equal(cells.v[:], model.initial["v"])
    np.testing.assert_array_equal(cells.E[:], np.full(5, model.initial["E"]))
    again = bb.from_brian2(mine, steps=100, input="pixels")
    expected = bb.simulate(written, X)
    assert expected.spikes["cells"].any()
    np.testing.assert_array_equal(bb.simulate(again, X).spikes["cells"], expected.spikes["cells"])
    np.testing.assert_array_equal(twin.record(X).spikes["cells"], expected.spikes["cells"])
    # The network itself, run by Brian2 with the input of the first sample.
    raster = net.encoding.encode(X[:1], np.arange(1), 0).raster[:, 0]
    times, sources = np.nonzero(raster)
    mine["pixels"].set_spikes(sources, times * 0.1 * ms)
    monitor = SpikeMonitor(cells)
    mine.add(monitor)
    mine.run(10 * ms)
    np.testing.assert_array_equal(monitor.count, expected.spikes["cells"][:, 0].sum(axis=0))


def test_two_groups_with_one_namespace_keep_their_own_constants():
    shared = {"tau": 10 * ms}
    groups = [
        NeuronGroup(2, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0", method="exact",
                    name=name, namespace=shared)
        for name in ("one", "two")
    ]  # fmt: skip
    wires = Synapses(*groups, "w : 1", on_pre="v += w", name="between")
    wires.connect()
    net = bb.from_brian2(Network(*groups, wires), steps=10)
    twin = bb.to_torch(net, learn={"two": ["tau"]})
    twin.learned.two.tau = torch.tensor(0.02)
    bb.write_back(twin, into=Network(*groups, wires))
    assert groups[0].namespace["tau"] == shared["tau"] == 10 * ms
    assert float(groups[1].namespace["tau"]) == pytest.approx(0.02)


# ---------------------------------------------------------------------- training


def iris_twin(**options):
    layers = [bb.Dense(8, LIF), bb.Dense(3, LIF)]
    net = bb.SpikingNetwork.sequential(
        (4,), layers, encoding=bb.Current(10), seed=1, weight_gain=6.0
    )
    learn = {"hidden": [bb.Learn("tau", each="neuron"), "theta"], "output": ["tau"]}
    return bb.to_torch(net, learn=learn, **options)


class Stop(Exception):
    """End a training."""


def test_training_resumes_exactly(tmp_path):
    data = bb.load_dataset("iris", seed=1).train
    options = {"epochs": 4, "learning_rate": 0.01, "ema": 0.9}
    whole, halves, fresh = iris_twin(), iris_twin(), iris_twin()
    result = bb.train(whole, data, checkpoint=tmp_path / "whole.pt", **options)
    assert result.rule["name"] == "surrogate_gradient"
    encode, calls = halves.encode, 0

    def encode_or_stop(*arguments):
        nonlocal calls
        calls += 1
        if calls == 7:
            raise Stop
        return encode(*arguments)

    halves.encode = encode_or_stop
    with pytest.raises(Stop):
        bb.train(halves, data, checkpoint=tmp_path / "half.pt", **options)
    bb.train(fresh, data, checkpoint=tmp_path / "half.pt", **options)
    for name, values in whole.state_dict().items():
        assert torch.equal(values, fresh.state_dict()[name]), name
    assert all(raw.any() for raw in whole.learned.parameters()), "they learned"
    other = bb.to_torch(whole.network, learn={"hidden": ["tau"]})
    with pytest.raises(bb.InputError, match="belongs to a training run with other"):
        bb.train(other, data, checkpoint=tmp_path / "half.pt", **options)


def test_frozen_weights_leave_parameters_to_train():
    twin = iris_twin()
    net = replace(
        twin.network, projections=tuple(replace(p, frozen=True) for p in twin.network.projections)
    )
    data = bb.load_dataset("iris", seed=1).train
    alone = bb.to_torch(net, learn={"hidden": ["theta"]})
    bb.train(alone, data, epochs=1, learning_rate=0.01)
    assert float(si_array(bb.write_back(alone).populations[0].neuron.parameters["theta"])) != 1.0
    with pytest.raises(bb.InputError, match="let to_torch learn neuron parameters"):
        bb.train(bb.to_torch(net), data, rule="surrogate_gradient", epochs=1)


def test_a_learned_parameter_can_be_frozen():
    twin = iris_twin()
    first, *others = twin.learned.hidden.parametrizations
    twin.learned.hidden.parametrizations[first].requires_grad_(False)
    before = twin.learned.hidden()[first].clone()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "training: the loss did not depend")
        bb.train(twin, bb.load_dataset("iris", seed=1).train, epochs=1, learning_rate=0.01)
    assert torch.equal(twin.learned.hidden()[first], before)
    changed = twin.learned.hidden.parametrizations[others[0]].original
    assert changed.detach().any()  # 0 at the start


def test_a_parameter_without_a_gradient_is_told():
    neuron = bb.neuron_model("cuba_lif")  # a current drives v, so that tau_s has no effect
    layers = [bb.Dense(8, neuron), bb.Dense(3, LIF)]
    net = bb.SpikingNetwork.sequential((4,), layers, encoding=bb.Current(10), seed=1)
    twin = bb.to_torch(net, learn={"hidden": ["tau_s", "tau"]})
    data = bb.load_dataset("iris", seed=1).train
    with pytest.warns(RuntimeWarning, match="did not depend on 'tau_s' of 'hidden'"):
        bb.train(twin, data, epochs=1)
