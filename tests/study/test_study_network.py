"""Where a study's network comes from: layers of any kind, a network file, a trained network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.datasets import load_dataset as load_data
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.network import Convolution
from brianbridge.study import read_study, run_study
from brianbridge.study.data import held_out, load_split
from brianbridge.study.train import prepare, train_study

HEAD = """
title = "Digits in a hurry"
seed = 1
[dataset]
name = "digits"
"""
TAIL = """
[rule]
name = "spike_count"
[training]
epochs = 6
learning_rate = 1e-2
validation_fraction = 0.0
[verification]
samples = 5
"""
LAYERS = """
[network]
encoding = { kind = "current", steps = 4 }
readout = "potential"
weight_gain = 2.0
neurons = { if = { theta = 0.5 } }
[[network.layers]]
kind = "conv2d"
channels = 4
kernel = 3
stride = 2
neuron = "if"
[[network.layers]]
kind = "sum_pool2d"
size = [1, 3]
[[network.layers]]
units = 10
neuron = "if"
parameters = { theta = 2 }
"""


@pytest.fixture
def study(tmp_path):
    """Return a function that writes and reads a study with this network and this head."""

    def make(network, head=HEAD):
        path = tmp_path / "hurry.toml"
        path.write_text(head + network + TAIL)
        return read_study(str(path))

    return make


def prepared(study):
    return prepare(study, load_split(study).train)[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the file of a network that was trained on the digits for a few epochs."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "hurry.toml").write_text(HEAD + LAYERS + TAIL)
    study = read_study(str(folder / "hurry.toml"))
    train_study(study, folder / "out", load_split(study))
    return folder / "out/network.h5"


# ---------------------------------------------------------------------- layers and files


def test_layers_of_any_kind(study):
    net = prepared(study(LAYERS))
    assert [p.shape for p in net.populations] == [(4, 3, 3), (10,)]
    assert net.projections[0].connection == Convolution(2)
    assert net.projections[1].weight.shape == (10, 12)
    assert [p.neuron.parameters["theta"] for p in net.populations] == [0.5, 2.0]
    assert np.abs(net.projections[0].weight).max() > 1 / 3  # normal, not torch's uniform


def test_a_study_of_layers_runs(study, tmp_path):
    summary = run_study(study(LAYERS), tmp_path / "out")
    (part,) = summary["parts"]
    assert part["parity_spike_mismatches"] == 0
    assert part["twin_accuracy_all"] > 0.3  # a class in ten by chance


def test_a_network_file_takes_the_shape_of_the_data(study):
    net = prepared(
        study('[network]\nmodel = "mlp_800"\nencoding.steps = 3\n[network.neurons.if]\ntheta = 2')
    )
    assert net.input_shape == (8, 8)
    assert (net.steps, net.readout) == (3, "potential")
    assert [p.neuron.parameters["theta"] for p in net.populations] == [2.0, 2.0]
    same = bb.network_model("mlp_800", input_shape=(8, 8), seed=1)
    np.testing.assert_array_equal(net.projections[0].weight, same.projections[0].weight)


def test_initial_weights_of_a_network_file_can_be_larger(study):
    net, larger = (
        prepared(study(f'[network]\nmodel = "lenet"\nencoding.steps = 2\n{gain}'))
        for gain in ("", "weight_gain = 8.0")
    )
    for own, grown in zip(net.projections, larger.projections, strict=True):
        gain = 1 if own.frozen else 2  # the file says 2.0; pooling is not drawn
        np.testing.assert_allclose(grown.weight, gain * own.weight)


def test_a_network_file_by_its_path_with_another_readout(study, tmp_path):
    source = Path(__file__).parents[2] / "models/networks/mlp_800.toml"
    mine = tmp_path / "mine.toml"
    mine.write_text(source.read_text().replace("800\n", "30\n", 1))
    net = prepared(study(f'[network]\nmodel = "{mine}"\nreadout = "counts"'))
    assert net.population("hidden").size == 30
    assert net.readout == "counts"


def test_too_few_outputs_are_refused(study, refused):
    with refused("'digits' has 10 classes", "only 9 outputs"):
        prepared(study(LAYERS.replace("units = 10", "units = 9")))


# ---------------------------------------------------------------------- a trained network


def test_training_goes_on_from_a_trained_network(study, trained, tmp_path):
    tuning = study(f'[network]\nstart = "{trained}"\nencoding = {{ steps = 2 }}')
    before, start = load_network(trained), prepared(tuning)
    for old, new in zip(before.projections, start.projections, strict=True):
        np.testing.assert_array_equal(old.weight, new.weight)
    assert (start.steps, start.encoding.kind, start.readout) == (2, "current", "potential")
    run_study(tuning, tmp_path / "out")
    tuned = load_network(tmp_path / "out/network.h5")
    assert not np.array_equal(tuned.projections[0].weight, before.projections[0].weight)
    assert tuned.steps == 2
    told = tuned.provenance["start"]
    assert told["file"] == str(trained)
    assert told["sha256"] == hashlib.sha256(trained.read_bytes()).hexdigest()
    assert told["provenance"]["seed"] == before.provenance["seed"]
    assert held_out(tuned.provenance, "digits").split == load_data("digits", seed=1).test.split
    verdict = json.loads((tmp_path / "out/verdict.json").read_text())
    assert verdict["rungs"][0]["spike_mismatches"] == 0


def test_a_trained_network_may_get_other_parameters_of_its_neurons(study, trained, refused):
    start = f'[network]\nstart = "{trained}"\nneurons'
    before = load_network(trained)
    after = prepared(study(f"{start} = {{ if = {{ theta = 3.5 }} }}"))
    for old, new in zip(before.populations, after.populations, strict=True):
        assert old.neuron.parameters["theta"] != 3.5
        assert new.neuron == old.neuron.with_parameters(theta=3.5)
    with refused("neurons.lif", "no population", trained.name, "model 'lif'", "'if'"):
        prepared(study(f"{start} = {{ lif = {{ theta = 1 }} }}"))
    with refused("no parameter 'thet'", "'theta'"):
        prepared(study(f"{start} = {{ if = {{ thet = 1 }} }}"))


def test_the_test_samples_of_a_fine_tuning_were_never_trained_on(study, trained, tmp_path, refused):
    other = HEAD.replace("seed = 1", "seed = 2")
    with refused(str(trained), "seed 1", "seed 2", "test samples"):
        prepared(study(f'[network]\nstart = "{trained}"', other))
    # Nor by one that it was itself started from.
    network = load_network(trained)
    told = {"start": {"provenance": dict(network.provenance)}}
    save_network(replace(network, provenance=told), tmp_path / "later.h5")
    with refused("later.h5", "seed 1", "seed 2", "test samples"):
        prepared(study(f'[network]\nstart = "{tmp_path / "later.h5"}"', other))


def test_a_start_that_does_not_fit_is_refused(study, trained, refused):
    with refused("'iris' has samples of shape (4,)", "(8, 8)"):
        prepared(study(f'[network]\nstart = "{trained}"', HEAD.replace("digits", "iris")))
    with refused("absent.h5"):
        prepared(study('[network]\nstart = "absent.h5"'))
    with refused("digits_spike_count.h5", "carry out the study 'digits_spike_count' first"):
        prepared(study('[network]\nstart = "absent/digits_spike_count.h5"'))


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("[network]", ["'network': give one of 'layers', 'model' and 'start'", "none of them"]),
        (LAYERS.replace("readout", 'model = "lenet"\nreadout', 1), ["'layers' and 'model'"]),
        (LAYERS.replace("readout", 'start = "a.h5"\nreadout', 1), ["'layers' and 'start'"]),
        ('[network]\nmodel = "lenet"\nstart = "a.h5"', ["this has 'model' and 'start'"]),
        (
            LAYERS.replace('encoding = { kind = "current", steps = 4 }', ""),
            ["the key 'encoding' is missing"],
        ),
        ('[network]\nstart = "a.h5"\nweight_gain = 1.0', ["'weight_gain'", "start"]),
        (LAYERS.replace("chann", "chan"), ["unknown key 'network.layers.0.chanels'", "'channels'"]),
        (LAYERS.replace("kernel = 3", "kernel = -3"), ["'network.layers.0.kernel' = -3"]),
        (LAYERS.replace("[1, 3]", "[1]"), ["'network.layers.1.size' = [1]"]),
        (LAYERS.replace('"sum_pool2d"', '"sum_pool"'), ["'network.layers.1.kind'", "'sum_pool2d'"]),
    ],
)
def test_wrong_networks_are_refused_in_one_line(study, refused, network, said):
    with refused("study file", "hurry.toml", *said):
        study(network)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ('[network]\nmodel = "lent"', ["no network 'lent'", "Did you mean 'lenet'?"]),
        ('[network]\nmodel = "mlp_800"\nneurons.fi.theta = 1', ["mlp_800.toml", "'if'?"]),
        ('[network]\nmodel = "mlp_800"\nencoding.step = 1', ["no option 'step'", "'steps'?"]),
        (LAYERS.replace("{ if =", "{ lif ="), ["no layer has neurons of model 'lif'"]),
    ],
)
def test_networks_that_cannot_be_built(study, refused, network, said):
    with refused(*said):
        prepared(study(network))
