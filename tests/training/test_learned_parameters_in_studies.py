"""Neuron parameters that training changes: which rules train them, and how a study names them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from learning_networks import two_layers

import brianbridge as bb
from brianbridge.neurons.quantities import si_array
from brianbridge.rules import chosen_rule, learning_rule
from brianbridge.study import read_study
from brianbridge.study.data import load_split
from brianbridge.study.train import prepare, train_study


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
    data = bb.from_arrays("mine", np.eye(6, 4), np.arange(6) % 3)
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
