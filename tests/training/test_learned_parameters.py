"""Neuron parameters that training changes: their ranges, their way through training and back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, Synapses, ms

import brianbridge as bb
from brianbridge.neurons.quantities import si_array
from brianbridge.rules import chosen_rule, learning_rule
from brianbridge.study import read_study
from brianbridge.study.data import load_split
from brianbridge.study.train import prepare, train_study
from brianbridge.training import natural_units
from brianbridge.twin import Quantisation

LIF = bb.neuron_model("lif")
X = np.random.default_rng(1).random((6, 4))


def two_layers(neuron=LIF, encoding=None, readout="counts"):
    layers = [bb.Dense(5, neuron), bb.Dense(3, LIF)]
    return bb.SpikingNetwork.sequential(
        (4,), layers, encoding=encoding or bb.Current(30), readout=readout, seed=2, weight_gain=6.0
    )


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
    with pytest.raises(bb.InputError, match="give values below 2"):
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
    torch.testing.assert_close(twin(X), again(X))


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


def script(per_neuron=True):
    """Return a network of the user: constants outside, in the namespace, and in the equations."""
    pixels = SpikeGeneratorGroup(4, [], [] * ms, name="pixels")
    cells = NeuronGroup(
        5, "dv/dt = (E - v)/tau : 1\nE : 1\ntau : second (constant)", threshold="v > theta",
        reset="v = low", method="exact", name="cells", namespace={"low": 0.05},
    )  # fmt: skip
    cells.tau = np.linspace(5, 20, 5) * ms if per_neuron else 10 * ms
    cells.E, cells.v = 0.6, np.linspace(0, 0.4, 5)
    wires = Synapses(pixels, cells, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    wires.w = 0.7
    return Network(pixels, cells, wires)


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


def test_a_parameter_without_a_gradient_is_told():
    neuron = bb.neuron_model("cuba_lif")  # a current drives v, so that tau_s has no effect
    layers = [bb.Dense(8, neuron), bb.Dense(3, LIF)]
    net = bb.SpikingNetwork.sequential((4,), layers, encoding=bb.Current(10), seed=1)
    twin = bb.to_torch(net, learn={"hidden": ["tau_s", "tau"]})
    data = bb.load_dataset("iris", seed=1).train
    with pytest.warns(RuntimeWarning, match="did not depend on 'tau_s' of 'hidden'"):
        bb.train(twin, data, epochs=1)


# ---------------------------------------------------------------------- rules and studies


def test_every_rule_says_whether_it_trains_parameters(pytestconfig):
    learn = bb.to_torch(two_layers(), learn={"hidden": ["tau"]}).learn
    page = (pytestconfig.rootpath / "docs" / "training.md").read_text()
    able = set()
    for name in bb.rules.rule_names():
        rule = learning_rule(name)
        if not type(rule).__module__.startswith("brianbridge."):
            continue
        rule.check_learn({})
        if rule.learns_parameters:
            rule.check_learn(learn)
            able.add(name)
        else:
            with pytest.raises(bb.InputError, match=rf"'{name}'.*'tau'.*'surrogate_gradient'"):
                rule.check_learn(learn)
    assert able == {"surrogate_gradient", "multi_threshold"}
    (line,) = re.findall(r"^Rules that train neuron parameters: (.*)\.$", page, re.M)
    assert set(re.findall(r"`(\w+)`", line)) == able


def test_the_chosen_rule_trains_parameters():
    net = two_layers()
    assert chosen_rule(net).name == "spike_count"
    learn = bb.to_torch(net, learn={"hidden": ["tau"]}).learn
    assert chosen_rule(net, learn).name == "surrogate_gradient"
    data = bb.from_arrays("mine", X, np.arange(6) % 3)
    with pytest.raises(bb.InputError, match="learning rule 'spike_count' has no gradient of 'tau'"):
        bb.train(bb.to_torch(net, learn={"hidden": ["tau"]}), data, "spike_count")


STUDY = """
title = "Learned time constants"
[dataset]
name = "iris"
[network]
encoding = { kind = "current", steps = 5 }
[[network.layers]]
units = 4
neuron = "lif"
[[network.layers]]
units = 3
neuron = "lif"
[training]
epochs = 1
[training.learn]
output = ["theta"]
hidden = ["theta", { name = "tau", each = "neuron", low = "2 ms", high = "50 ms" }]
"""


def test_a_study_names_what_is_learned(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    study = read_study(str(path))
    tau = bb.Learn("tau", "neuron", "2 ms", "50 ms")
    assert study.training.of_twin()["learn"] == {"output": ["theta"], "hidden": ["theta", tau]}
    data = bb.load_dataset("iris").train
    assert prepare(study, data)[1].name == "surrogate_gradient"
    trained = train_study(study, tmp_path / "out", load_split(study))
    assert trained.provenance["learned_parameters"] == {
        "hidden": ["tau", "theta"],
        "output": ["theta"],
    }
    again = bb.load_network(tmp_path / "out" / "network.h5")
    assert np.ptp(si_array(again.populations[0].neuron.parameters["tau"])) > 0
    for text, message in {
        STUDY.replace('"neuron"', '"cell"'): "cell",
        STUDY.replace('name = "tau"', 'name = "tua"'): "Did you mean 'tau'",
        STUDY.replace("each =", "eech ="): r"unknown key .*eech'. Did you mean 'each'",
        STUDY.replace("[training]", '[rule]\nname = "spike_count"\n[training]'): "no gradient",
    }.items():
        path.write_text(text)
        with pytest.raises(bb.InputError, match=message):
            prepare(read_study(str(path)), data)


# ---------------------------------------------------------------------- refusals

REFUSED = {
    "there is no population 'hiddens'. Did you mean 'hidden'": {"hiddens": ["tau"]},
    "no parameter 'tua' to learn. Did you mean 'tau'": {"hidden": ["tua"]},
    "give the parameters of each population": ["tau"],
    "'hidden' = 'tau'; give a list": {"hidden": "tau"},
    "'hidden' = None; give a list": {"hidden": None},
    "twice": {"hidden": ["tau", bb.Learn("tau")]},
    "bb.Learn(name)": {"hidden": [3]},
    "low = 1 mV is not one value in second": {"hidden": [bb.Learn("tau", low="1 mV")]},
    "initial value 10 ms is not between": {"hidden": [bb.Learn("tau", low="20 ms")]},
    "is not below": {"hidden": [bb.Learn("tau", low=20 * ms, high=5 * ms)]},
    "no values for each channel; give each = 'population' or 'neuron'": {
        "hidden": [bb.Learn("tau", each="channel")]
    },
    "'drive' is the drive": {"hidden": ["drive"]},
    "computes depends on 'theta'": {"output": ["theta"]},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_learned_is_refused(message):
    net = two_layers(readout="potential")
    with pytest.raises(bb.InputError, match=re.escape(message)):
        bb.to_torch(net, learn=REFUSED[message])


def test_values_that_differ_are_not_shared():
    net = two_layers(LIF.with_parameters(theta=np.linspace(1, 2, 5)))
    with pytest.raises(bb.InputError, match=r"would be shared differ; give each = 'neuron'"):
        bb.to_torch(net, learn={"hidden": ["theta"]})
    bb.to_torch(net, learn={"hidden": [bb.Learn("theta", each="neuron")]})


def test_a_parameter_of_unknown_size_needs_a_range():
    neuron = bb.neuron_model("adex", b="0 pA")
    assert bb.to_torch(two_layers(neuron), learn={"hidden": ["b"]})  # in the unit of the current w
    plain = bb.NeuronModel(
        "dv/dt = (-v + R*I)/tau : volt\nI : amp", threshold="v > 20*mV", reset="v = 0*volt",
        parameters={"R": "0 ohm", "tau": 10 * ms}, initial={"I": "1 nA"}, receive="v",
    )  # fmt: skip
    population = bb.connections.Population("output", (2,), plain)
    wires = bb.connections.Projection("input", "output", np.full((2, 4), 5e-3))
    net = bb.SpikingNetwork((4,), bb.Bernoulli(5), (population,), (wires,))
    with pytest.raises(bb.InputError, match=re.escape("give it a range, bb.Learn('R', low=...")):
        bb.to_torch(net, learn={"output": ["R"]})
    bb.to_torch(net, learn={"output": [bb.Learn("R", low="-1 Mohm", high="9 Mohm")]})


def test_the_threshold_of_a_grid_is_not_learned():
    net = two_layers()
    with pytest.raises(bb.InputError, match=r"'theta'.*grid"):
        bb.to_torch(net, quantisation=Quantisation(4), learn={"hidden": ["theta"]})
    bb.to_torch(net, quantisation=Quantisation(4), learn={"hidden": ["tau"]})


def test_one_constant_of_a_namespace_does_not_become_many():
    theta = 1.0  # noqa: F841
    mine = script()
    net = bb.from_brian2(mine, steps=10, input="pixels")
    twin = bb.to_torch(net, learn={"cells": [bb.Learn("theta", each="neuron")]})
    before = dict(mine["cells"].namespace)
    with pytest.raises(bb.InputError, match=re.escape("declare 'theta : 1 (constant)'")):
        bb.write_back(twin, into=mine)
    assert mine["cells"].namespace == before
    other = script()
    other.remove(other["cells"])
    shorter = NeuronGroup(4, "dv/dt = -v/(5*ms) : 1", name="cells_2")
    one = bb.to_torch(net, learn={"cells": ["theta"]})
    with pytest.raises(bb.InputError, match="no group 'cells'"):
        bb.write_back(one, into=[*other.objects, shorter])


def page_examples(name: str) -> list[str]:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    text = page.read_text(encoding="utf-8")
    section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)


def test_the_examples_of_the_page_run():
    blocks = page_examples("Neuron parameters")
    assert blocks
    scope: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "docs/training.md", "exec"), scope)
    assert np.shape(scope["trained"].populations[0].neuron.parameters["tau"]) == (64,)
    assert scope["differing"] == 0
