"""Layers in files: every kind, with the fields of its class, and all that is refused."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest
from brian2 import ms
from pydantic import BaseModel

from brianbridge.network import (
    AvgPool2d,
    Connected,
    Conv2d,
    Dense,
    Feedback,
    Flatten,
    MaxPool2d,
    OneToOne,
    Recurrent,
    Residual,
    SumPool2d,
)
from brianbridge.network.layer_files import ENTRIES, LayerEntries, build_layers
from brianbridge.neurons.library import neuron_model
from brianbridge.schema import validated

IF, LIF = neuron_model("if"), neuron_model("lif")


class File(BaseModel, extra="forbid"):
    layers: LayerEntries


def read(*layers):
    return validated(File, {"layers": layers}, "file 'net.toml'").layers


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda e: e.__name__)
def test_an_entry_has_the_fields_and_defaults_of_its_class(entry):
    said = {key: field.get_default() for key, field in entry.model_fields.items()}
    for key in ("kind", "method", "refractory", "parameters"):
        said.pop(key, None)
    meant = {f.name: None if f.default is MISSING else f.default for f in fields(entry.makes)}
    required = {f.name for f in fields(entry.makes) if f.default is MISSING}
    assert {k for k in said if entry.model_fields[k].is_required()} == required
    assert {k: said[k] for k in said if k not in required} == {
        k: meant[k] for k in meant if k not in required
    }


def test_every_kind_makes_its_layer():
    entries = read(
        {"kind": "conv2d", "channels": 4, "kernel": [3, 2], "padding": 1, "neuron": "if"},
        {"kind": "avg_pool2d", "size": 2},
        {"kind": "sum_pool2d", "size": 2, "stride": [1, 2], "neuron": "if", "name": "sums"},
        {"kind": "max_pool2d", "size": 2},
        {"kind": "residual", "source": "conv1", "learned": False},
        {"kind": "flatten"},
        {"units": 5, "neuron": "lif", "parameters": {"tau": "20 ms"}, "delay": "2 ms"},
        {"kind": "recurrent", "delay": 1e-3},
        {"kind": "connected", "shape": [5], "neuron": "if", "connection": {"kind": "one_to_one"}},
        {"kind": "feedback", "target": "conv1", "kernel": 2, "stride": 2},
        {"kind": "dense", "units": 5, "neuron": "lif", "bias": False, "name": "last"},
    )
    assert build_layers(entries) == [
        Conv2d(4, (3, 2), IF, padding=1),
        AvgPool2d(2),
        SumPool2d(2, IF, (1, 2), name="sums"),
        MaxPool2d(2),
        Residual("conv1", False),
        Flatten(),
        Dense(5, neuron_model("lif", tau=20 * ms), delay="2 ms"),
        Recurrent(1e-3),
        Connected((5,), OneToOne(), IF),
        Feedback("conv1", 2, 2),
        Dense(5, LIF, False, "last"),
    ]


def test_what_a_layer_says_itself_comes_before_what_all_neurons_share():
    entries = read(
        {"units": 2, "neuron": "lif"},
        {"units": 2, "neuron": "lif", "parameters": {"tau": "5 ms"}},
        {"units": 2, "neuron": "if"},
    )
    shared = {"lif": {"tau": "20 ms", "theta": 2.0}}
    first, second, third = (layer.neuron.parameters for layer in build_layers(entries, shared))
    assert first == {"tau": 20 * ms, "theta": 2.0}
    assert second == {"tau": 5 * ms, "theta": 2.0}
    assert third == {"theta": 1.0}


CONV = {"kind": "conv2d", "channels": 4, "kernel": 3, "neuron": "if"}


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ({**CONV, "kind": "conv"}, ["'layers.0.kind' = 'conv'", "Did you mean 'conv2d'?"]),
        ({**CONV, "kind": 3}, ["'layers.0.kind' = '3'", "Choose from", "'residual'"]),
        ({**CONV, "chanels": 3}, ["unknown key 'layers.0.chanels'", "Did you mean 'channels'?"]),
        ({**CONV, "kernel": 0}, ["'layers.0.kernel' = 0", "greater than"]),
        ({**CONV, "kernel": [3]}, ["'layers.0.kernel' = [3]"]),
        ({**CONV, "padding": [1, -1]}, ["'layers.0.padding", "-1"]),
        ({**CONV, "groups": True}, ["'layers.0.groups' = True"]),
        ({"kind": "conv2d", "channels": 4, "neuron": "if"}, ["'layers.0.kernel' is missing"]),
        ({"units": 4}, ["'layers.0.neuron' is missing"]),
        ({"units": 4, "neuron": "if", "kernel": 3}, ["unknown key 'layers.0.kernel'"]),
        ({"units": "4", "neuron": "if"}, ["'layers.0.units' = '4'"]),
        (
            {"kind": "avg_pool2d", "size": 2, "parameters": {"theta": 1}},
            ["'layers.0': 'parameters' is for neurons", "'neuron'"],
        ),
        ({"kind": "residual"}, ["'layers.0.source' is missing"]),
        ({"kind": "connected", "shape": 4, "neuron": "if"}, ["'layers.0.connection' is missing"]),
        (
            {"kind": "connected", "shape": 4, "neuron": "if", "connection": "sparse"},
            ["'layers.0.connection' = 'sparse'"],
        ),
        ("dense", ["'layers.0' = 'dense'"]),
    ],
)
def test_entries_that_cannot_be(refused, layer, said):
    with refused("file 'net.toml'", *said):
        read(layer)


@pytest.mark.parametrize(
    ("layer", "shared", "said"),
    [
        ({"units": 2, "neuron": "fi"}, {}, ["no neuron model 'fi'", "Did you mean 'if'?"]),
        ({"units": 2, "neuron": "if"}, {"fi": {}}, ["neurons.fi", "Did you mean 'if'?"]),
        ({"units": 2, "neuron": "if"}, {"if": {"tau": 1}}, ["'if'", "no parameter 'tau'"]),
    ],
)
def test_neurons_that_cannot_be(refused, layer, shared, said):
    with refused(*said):
        build_layers(read(layer), shared)


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ({}, ["no connection ''", "Choose from"]),
        ({"kind": 3}, ["no connection '3'"]),
        ({"kind": "one_too_one"}, ["no connection 'one_too_one'", "Did you mean 'one_to_one'?"]),
        ({"kind": "conv2d", "strid": 2}, ["no option 'strid'", "Did you mean 'stride'?"]),
        ({"kind": "sparse", "source": [0]}, ["'sparse'", "the option 'target' is missing"]),
        ({"kind": "sparse", "source": [0, [1]], "target": [0]}, ["source has lists of different"]),
        (
            {"kind": "sparse", "source": [0], "target": [0], "delays": ["late"]},
            ["one delay of at least 0 s"],
        ),
    ],
)
def test_connections_that_cannot_be(refused, connection, said):
    layers = read({"kind": "connected", "shape": 4, "neuron": "if", "connection": connection})
    with refused(*said):
        build_layers(layers)
