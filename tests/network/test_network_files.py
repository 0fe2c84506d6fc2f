"""Network files: what ships is what the papers have, and what is wrong in a file is named."""

from __future__ import annotations

import json
from math import prod

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.network import Convolution, OneToOne, Pooling
from brianbridge.network.files import network_path
from brianbridge.network.overview import describe_model
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

#: Counted by hand: trainable weights and biases into each population, and neurons in all.
COUNTS = {
    "mlp_800": ([784 * 800 + 800, 8_000 + 10], 810),
    "cnn_small": ([15 * 25 + 15, 40 * 15 * 25 + 40, 640 * 300 + 300, 3_000 + 10], 11_510),
    "lenet": ([20 * 25, 0, 50 * 20 * 25, 0, 2_450 * 200, 2_000], 32_060),
    "vgg9": (
        [9 * 3 * 64, 9 * 64 * 64, 0, 9 * 64 * 128, 9 * 128 * 128, 0,
         9 * 128 * 256, 9 * 256 * 256, 9 * 256 * 256, 0, 4_096 * 1_024, 10_240], 275_466,
    ),
    "resnet9": (
        [9 * 3 * 64, 0, 9 * 64 * 128, (9 * 128 + 64) * 128, 9 * 128 * 256, (9 * 256 + 128) * 256,
         9 * 256 * 512, (9 * 512 + 256) * 512, 8_192 * 1_024, 10_240], 271_370,
    ),
    "resnet11": (
        [9 * 3 * 64, 0, 9 * 64 * 128, (9 * 128 + 64) * 128, 9 * 128 * 256, (9 * 256 + 128) * 256,
         9 * 256 * 512, (9 * 512 + 256) * 512, 9 * 512 * 512, 9 * 512 * 512, 8_192 * 1_024,
         10_240], 336_906,
    ),
}  # fmt: skip
LEE = ("lenet", "vgg9", "resnet9", "resnet11")
LARGE = ("vgg9", "resnet9", "resnet11")
TIMES = [pytest.param(n, marks=pytest.mark.slow if n in LARGE else ()) for n in COUNTS]


def samples(network, number):
    lowest = -1.0 if getattr(network.encoding, "signed", False) else 0.0
    shape = (number, *network.input_shape)
    return np.random.default_rng(3).uniform(lowest, 1.0, shape).astype(np.float32)


# ---------------------------------------------------------------------- what ships


def test_every_network_is_counted_here():
    assert set(bb.network_names()) == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_neurons_and_weights_are_those_counted_by_hand(name):
    weights, neurons = COUNTS[name]
    told = describe_model(name)
    assert [p["weights"] for p in told["populations"]] == weights
    assert told["weights"] == sum(weights)
    assert told["neurons"] == neurons == sum(prod(p["shape"]) for p in told["populations"])
    assert told["summary"]
    assert told["source"]


@pytest.mark.parametrize("name", LEE)
def test_neurons_of_lee_et_al(name):
    net = bb.network_model(name)
    assert net.readout == "potential"
    assert all(p.bias is None for p in net.projections)
    for population in net.populations:
        values = population.neuron.parameters
        assert population.neuron.reset == "v = 0"
        assert population.neuron.emit == "int(v > theta)"
        if population.name.startswith("pool"):
            assert dict(values) == {"theta": 0.75}
        else:
            assert values["theta"] == 1.0
            # Only the last bit of exp(-dt/tau) may differ.
            assert np.exp(-net.dt / float(values["tau"])) == pytest.approx(0.99, rel=3e-16)


def test_initial_weights_of_lee_et_al_have_the_variance_of_their_code():
    for name, gain in (("lenet", 2.0), ("resnet11", 1.0)):
        into = {p.target: p for p in bb.network_model(name, seed=1).projections}
        weight = into["hidden"].weight
        assert weight.std() == pytest.approx(np.sqrt(gain / weight.shape[1]), rel=0.01)


def test_shapes_of_lenet():
    shapes = {p.name: p.shape for p in bb.network_model("lenet").populations}
    assert shapes == {
        "conv1": (20, 28, 28), "pool1": (20, 14, 14), "conv2": (50, 14, 14), "pool2": (50, 7, 7),
        "hidden": (200,), "output": (10,),
    }  # fmt: skip


def test_shortcuts_of_resnet11():
    net = bb.network_model("resnet11")
    shortcuts = [p for name in ("conv3", "conv5", "conv7", "conv9") for p in net.incoming(name)[1:]]
    assert [p.source for p in shortcuts] == ["pool1", "conv3", "conv5", "conv7"]
    *learned, fixed = shortcuts
    assert [p.connection for p in learned] == [Convolution(1), Convolution(2), Convolution(1)]
    assert [p.weight.shape[2:] for p in learned] == [(1, 1)] * 3
    assert (fixed.connection, fixed.pool, fixed.frozen) == (OneToOne(), Pooling("sum", 1, 2), True)
    assert net.shape_of("conv8") == (512, 8, 8)
    assert net.shape_of("conv9") == (512, 4, 4)


@pytest.mark.parametrize("name", TIMES)
def test_a_twin_of_it_runs(name):
    net = bb.network_model(name, encoding={"steps": 4})
    recording = to_torch(net).record(samples(net, 2))
    assert recording.output.shape == (2, 10)
    assert recording.counts[net.populations[0].name].sum() > 0


@pytest.mark.parametrize("name", ["lenet", pytest.param("resnet11", marks=pytest.mark.slow)])
def test_twin_and_brian2_agree(name):
    # Doubled weights, so that spikes reach the last layers in these few steps.
    net = bb.network_model(name, encoding={"steps": 12})
    louder = {p.name: (2 * p.weight, None) for p in net.projections if not p.frozen}
    net = net.with_weights(louder)
    x = samples(net, 3)
    twin = to_torch(net, dtype=torch.float64).record(x)
    found = simulate(net, x)
    differing = {key: int((twin.spikes[key] != found.spikes[key]).sum()) for key in found.shapes}
    assert not any(differing.values()), differing
    assert all(found.counts[p.name].sum() > 10 for p in net.firing)


# ---------------------------------------------------------------------- changed, and one's own


def test_a_network_is_changed_where_one_says_so():
    net = bb.network_model(
        "lenet",
        input_shape=(28, 28),
        encoding={"steps": 7},
        readout="counts",
        neurons={"lif_zero": {"tau": "20 ms"}},
        seed=2,
    )
    assert net.input_shape == (28, 28)
    assert (net.encoding.kind, net.encoding.gain, net.steps) == ("bernoulli", 0.5, 7)
    assert net.readout == "counts"
    values = net.population("conv2").neuron.parameters
    assert (float(values["tau"]), values["theta"]) == (0.02, 1.0)
    assert dict(net.population("pool1").neuron.parameters) == {"theta": 0.75}
    assert bb.network_model("lenet", encoding={"kind": "current", "steps": 3}).encoding == (
        bb.Current(3)
    )
    assert bb.network_model("lenet", encoding=bb.Current(5)).steps == 5
    other = bb.network_model("lenet", input_shape=(28, 28), seed=2)
    np.testing.assert_array_equal(net.projections[0].weight, other.projections[0].weight)


MINE = """
summary = "mine"
source = "nobody"
input_shape = [1, 6, 6]
encoding = { kind = "current", steps = 3, dt = "1 ms" }

[neurons.if]
theta = 0.5

[[layers]]
kind = "conv2d"
channels = 2
kernel = 3
neuron = "if"

[[layers]]
units = 3
neuron = "lif"
"""


@pytest.fixture
def mine(tmp_path):
    """Return a function that writes the file, with one text replaced by another."""

    def write(old="", new=""):
        assert old in MINE
        path = tmp_path / "mine.toml"
        path.write_text(MINE.replace(old, new, 1))
        return str(path)

    return write


def test_a_file_of_ones_own_needs_no_change_to_the_package(mine, capsys):
    net = bb.network_model(mine())
    assert (net.population("conv1").shape, net.readout) == ((2, 4, 4), "counts")
    assert net.population("conv1").neuron.parameters["theta"] == 0.5
    assert main(["models", mine()]) == 0
    assert "2 x 4 x 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('source = "nobody"', "", ["the key 'source' is missing"]),
        ("summary", "sumary", ["unknown key 'sumary'", "'summary'"]),
        ("input_shape = [1, 6, 6]", "input_shape = []", ["'input_shape' = []"]),
        ("channels = 2", "channels = 0", ["'layers.0.channels' = 0"]),
        ('"conv2d"', '"conv3d"', ["'layers.0.kind' = 'conv3d'", "Did you mean 'conv2d'?"]),
        ("units = 3", "unit = 3", ["unknown key 'layers.1.unit'", "Did you mean 'units'?"]),
        ('"lif"', '"lfi"', ["no neuron model 'lfi'", "Did you mean 'lif'?"]),
        ("[neurons.if]", "[neurons.fi]", ["neurons.fi", "Did you mean 'if'?"]),
        ("theta", "theat", ["no parameter 'theat'", "Did you mean 'theta'?"]),
        ("kernel = 3", "kernel = 7", ["layer 'conv1'", "padded input (6, 6)"]),
        ('"current"', '"curent"', ["no encoding 'curent'"]),
        ("[neurons.if]", "weight_gain = 0\n[neurons.if]", ["'weight_gain' = 0"]),
        ("summary =", "summary", ["cannot be read"]),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(mine, refused, old, new, said):
    path = mine(old, new)
    with refused("network file", path, *said):
        bb.network_model(path)


def test_a_wrong_name_is_refused(refused, capsys):
    with refused("no network 'lent'", "Did you mean 'lenet'?", ".toml"):
        bb.network_model("lent")
    with refused("weight_gain = 0"):
        bb.SpikingNetwork.sequential(
            (2,), [bb.Dense(2, bb.neuron_model("if"))], encoding=bb.Current(2), weight_gain=0
        )
    with refused("weight_mean = nan", "such as 5.0"):
        bb.SpikingNetwork.sequential(
            (2,), [bb.Dense(2, bb.neuron_model("if"))], encoding=bb.Current(2), weight_mean=np.nan
        )


def test_models_lists_networks_and_shows_one(capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "lif_zero" in out
    assert all(name in out for name in COUNTS)
    assert main(["models", "lenet"]) == 0
    out = capsys.readouterr().out
    assert "50 x 7 x 7" in out
    assert "517,500" in out
    assert main(["models", "lenet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == describe_model("lenet")
    assert network_path("lenet").name == "lenet.toml"
