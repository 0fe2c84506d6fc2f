"""Files accept every option of the classes that they describe, and nothing else."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields

import pytest

from brianbridge.network.layer_files import ENTRIES
from brianbridge.network.layers import LAYERS
from brianbridge.neurons.files import NeuronFile
from brianbridge.neurons.model import NeuronModel
from brianbridge.schema import json_schema, validated
from brianbridge.study import Study
from brianbridge.study.entries import TrainingEntry
from brianbridge.training import Augmentation, SpikeRate, TrainingOptions
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.quantisation import Quantisation
from brianbridge.twin.spike_function import SpikeFunction

SCHEMA = json_schema(Study)["$defs"]


@pytest.mark.parametrize(
    "cls", [Augmentation, Quantisation, SpikeFunction, SpikeRate, TrainingEntry]
)
def test_a_table_has_all_options_and_their_defaults(cls):
    properties = SCHEMA[cls.__name__]["properties"]
    options = {field.name: field for field in fields(cls) if field.init}
    assert properties.keys() == options.keys()
    for name, field in options.items():
        if field.default is not MISSING and field.default is not None:
            default = field.default
            expected = list(default) if isinstance(default, tuple) else default
            assert properties[name]["default"] == expected, name


def test_training_has_the_options_of_trainer_and_twin():
    trainer = {field.name for field in fields(TrainingOptions)}
    twin = set(inspect.signature(NetworkTwin).parameters) & set(TrainingEntry().of_twin())
    assert {field.name for field in fields(TrainingEntry)} == trainer | twin | {"perturb"}
    assert twin == set(TrainingEntry().of_twin())
    assert TrainingEntry().options() == TrainingOptions()


def test_options_that_files_lacked():
    table = {"name": "triangle", "levels": "nearest", "detach_reset": True}
    entries = {
        "title": "x", "dataset": {"name": "iris"}, "rule": {"name": "spike_count"},
        "network": {"model": "mlp_800"}, "spike_function": table,
    }  # fmt: skip
    study = validated(Study, entries, "study file 'x.toml'")
    expected = SpikeFunction("triangle", levels="nearest", detach_reset=True)
    assert study.spike_function == expected


def test_a_neuron_file_has_the_fields_of_a_model():
    # The name is that of the file; the others are read from Brian2's objects only.
    others = {"name", "timed_arrays", "regular", "events"}
    assert set(NeuronFile.model_fields) == set(inspect.signature(NeuronModel).parameters) - others


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_table_has_the_fields_of_its_layer(kind):
    keys, layer = set(ENTRIES[kind].model_fields), {field.name for field in fields(LAYERS[kind])}
    neurons = {"method", "refractory", "parameters"} if "neuron" in layer else set()
    assert keys == {"kind"} | layer | neurons


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "arctn"}, ["'spike_function'", "no spike function 'arctn'", "'arctan'?"]),
        ({"level": "all"}, ["unknown key 'spike_function.level'", "'levels'?"]),
        ({"width": 0.0}, ["'spike_function.width' = 0.0"]),
        ({"levels": "some"}, ["'spike_function.levels' = 'some'"]),
        (3, ["'spike_function' = 3"]),
    ],
)
def test_what_a_dataclass_refuses_is_told_with_file_and_key(refused, table, said):
    entries = {
        "title": "x", "dataset": {"name": "iris"}, "rule": {"name": "spike_count"},
        "network": {"model": "mlp_800"}, "spike_function": table,
    }  # fmt: skip
    with refused("study file 'x.toml'", *said):
        validated(Study, entries, "study file 'x.toml'")
