"""The table ``[training]`` of a study: its defaults, and that every key arrives."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import pytest
import torch

from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network
from brianbridge.study import read_study
from brianbridge.study import train as study_train
from brianbridge.study.data import load_split
from brianbridge.study.train import prepare, train_study
from brianbridge.training import Augmentation, SpikeRate, TrainingOptions
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.quantisation import Quantisation

STUDY = """
title = "Digits with everything"
seed = 3
[dataset]
name = "digits"
[network]
encoding = { kind = "current", steps = 4 }
readout = "potential"
[[network.layers]]
units = 12
neuron = "if"
[[network.layers]]
units = 10
neuron = "if"
[rule]
name = "spike_count"
[training]
"""
EVERYTHING = """
epochs = 3
batch_size = 32
optimizer = "sgd"
learning_rate = 0.25
momentum = 0.5
weight_decay = 0.125
schedule = "step"
step_at = [1, 2]
step_factor = 0.5
warmup = 1
gradient_clip = 2.0
ema = 0.75
augmentation = { shift = 1, flip = true, cut = 2 }
spike_rate = { rate = { hidden = 0.3 }, weight = 0.5, kind = "target" }
channels_last = true
autocast = "bfloat16"
validation_fraction = 0.25
patience = 7
deterministic = true
recompute = true
"""
OPTIONS = TrainingOptions(
    3, 32, "sgd", 0.25, 0.5, 0.125, "step", (1, 2), 0.5, 1, 2.0, 0.75, Augmentation(1, True, 2),
    SpikeRate({"hidden": 0.3}, 0.5, "target"), True, "bfloat16", 0.25, 7, True,
    True,
)  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """Return a function that writes and reads a study with this ``[training]``."""

    def make(training: str):
        (tmp_path / "all.toml").write_text(STUDY + training)
        return read_study(str(tmp_path / "all.toml"))

    return make


# ---------------------------------------------------------------------- defaults

#: What the table has beside the options of the trainer; it is for the twin.
OF_TWIN = {"batch_norm": False, "dropout": 0.0, "quantisation": None, "learn": {}}


def test_an_empty_table_makes_the_default_options(study):
    training = study("").training
    assert training.options() == TrainingOptions()
    assert training.of_twin() == OF_TWIN
    assert study("spike_rate = {}").training.options().spike_rate == SpikeRate()
    assert study("quantisation = {}").training.of_twin()["quantisation"] == Quantisation()


# ---------------------------------------------------------------------- keys


def test_every_key_changes_its_own_option(study):
    assert study(EVERYTHING).training.options() == OPTIONS
    default, parts = TrainingOptions(), EVERYTHING.strip().splitlines()
    assert {line.split(" = ")[0] for line in parts} == {f.name for f in fields(TrainingOptions)}
    for line in parts:
        found, (key, _) = study(line).training.options(), line.split(" = ", 1)
        for field in fields(TrainingOptions):
            expected = OPTIONS if field.name == key else default
            assert getattr(found, field.name) == getattr(expected, field.name), (line, field.name)
        assert getattr(OPTIONS, key) != getattr(default, key), f"{key} is at its default"


TWINS = {
    "batch_norm = true\ndropout = 0.25": {
        "batch_norm": True,
        "dropout": 0.25,
        "quantisation": None,
        "learn": {},
    },
    "dropout = { hidden = 0.5 }\nquantisation = { bits = 3, per = 'channel', clip = 2.0, "
    "threshold_bits = 9 }": {
        "batch_norm": False,
        "dropout": {"hidden": 0.5},
        "quantisation": Quantisation(3, "channel", 2.0, 9),
        "learn": {},
    },
}


@pytest.mark.parametrize("training", TWINS, ids=["batch_norm", "quantisation"])
def test_keys_reach_twin_and_trainer(study, training, tmp_path, monkeypatch):
    seen, original = {}, study_train.train

    def train(twin: NetworkTwin, *arguments, **keywords):
        seen.update(twin=twin, keywords=keywords)
        return original(twin, *arguments, **keywords)

    monkeypatch.setattr(study_train, "train", train)
    # The rule has no graph that could be computed again.
    chosen = study(EVERYTHING.replace("recompute = true\n", "") + training)
    assert chosen.training.of_twin() == TWINS[training]
    split = load_split(chosen)
    network = train_study(chosen, tmp_path / "out", split)
    twin, expected = seen["twin"], TWINS[training]
    assert seen["keywords"]["options"] == replace(OPTIONS, recompute=False)
    assert seen["keywords"]["seed"] == 3
    dropout = expected["dropout"]
    assert twin.dropout == (dropout if isinstance(dropout, dict) else {"hidden": dropout})
    assert twin.quantisation == expected["quantisation"]
    normalised = twin.projection("input_to_hidden").norm is not None
    assert normalised == expected["batch_norm"]
    if expected["quantisation"]:
        rows = network.projections[0].weight
        assert all(len(set(row.tolist())) <= 7 for row in rows)
    # What the file says is what the twin computes.
    again = load_network(tmp_path / "out/network.h5")
    written = json.loads(json.dumps(asdict(chosen.training)))
    assert again.provenance["training"] == written
    x = split.test.x[:20]
    with torch.no_grad():
        expected = study_train.to_torch(again).record(x).output.tolist()
        assert twin.record(x).output.tolist() == expected


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ("epoch = 3", ["unknown key 'training.epoch'", "'epochs'?"]),
        ("augmentation = { shfit = 1 }", ["unknown key 'training.augmentation.shfit'", "'shift'?"]),
        ("spike_rate = { rates = 0.1 }", ["unknown key 'training.spike_rate.rates'", "'rate'?"]),
        ("quantisation = { bit = 3 }", ["unknown key 'training.quantisation.bit'", "'bits'?"]),
        ("quantisation = { bits = 1 }", ["'training.quantisation.bits' = 1"]),
        ("quantisation = { threshold_bits = 23 }", ["'training.quantisation.threshold_bits' = 23"]),
        ("spike_rate = { kind = 'limit' }", ["'training.spike_rate.kind' = 'limit'"]),
        ("augmentation = { cut = -1 }", ["'training.augmentation.cut' = -1"]),
        ("ema = 1.0", ["'training.ema' = 1.0"]),
        ("batch_norm = 'yes, please'", ["'training.batch_norm'"]),
        ("dropout = 1.5", ["'training.dropout' = 1.5"]),
        ("spike_rate = { rate = 0.0 }", ["'training.spike_rate.rate' = 0.0"]),
        ("step_at = [1, 0]", ["'training.step_at.1' = 0"]),
    ],
)
def test_wrong_keys_are_refused_in_one_line(study, refused, training, said):
    with refused("study file", "all.toml", *said):
        study(training)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ("dropout = { hiden = 0.1 }", ["dropout", "Did you mean 'hidden'"]),
        ("spike_rate = { rate = { output = 0.1 } }", ["spike_rate", "'output' fires"]),
        ("batch_norm = true\nquantisation = {}", ["quantisation with batch_norm"]),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(study, refused, training, said):
    chosen = study(training)
    data = load_split(chosen).train
    with refused(*said):
        prepare(chosen, data)


def test_augmentation_of_what_is_no_image_is_refused_before_any_work(tmp_path):
    path = tmp_path / "flowers.toml"
    text = STUDY.replace('"digits"', '"iris"') + "augmentation = { flip = true }"
    path.write_text(text)
    study = read_study(str(path))
    with pytest.raises(InputError, match="augmentation is for images"):
        prepare(study, load_split(study).train)


# ---------------------------------------------------------------------- the rule


def test_without_a_rule_one_is_chosen(study, tmp_path):
    plain = study("epochs = 1")
    (tmp_path / "none.toml").write_text(STUDY.replace('[rule]\nname = "spike_count"\n', ""))
    chosen = read_study(str(tmp_path / "none.toml")).model_copy(update={"training": plain.training})
    weights = []
    for number, one in enumerate((plain, chosen)):
        out = tmp_path / str(number)
        out.mkdir()
        net = train_study(one, out, load_split(one))
        assert net.provenance["rule"]["name"] == "spike_count"
        weights.append(net.projections[0].weight)
    assert (weights[0] == weights[1]).all()


def test_options_of_a_rule_need_its_name(study, tmp_path, refused):
    (tmp_path / "none.toml").write_text(STUDY.replace('name = "spike_count"', 'gate = "count"'))
    with refused("rule"):
        read_study(str(tmp_path / "none.toml"))
