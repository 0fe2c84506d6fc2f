"""Studies that train under the rungs of a ladder, and options beside the start of a network."""

from __future__ import annotations

import json

import pytest

import brianbridge as bb
from brianbridge.errors import InputError
from brianbridge.study.data import load_split
from brianbridge.study.run import run_study
from brianbridge.study.schema import read_study
from brianbridge.study.train import train_study

STUDY = """
title = "digits under a chip"
seed = 1
dataset = "digits"

[network]
encoding = { kind = "current", steps = 6, dt = "1 ms" }
readout = "potential"

[[network.layers]]
units = 16
neuron = "if"

[[network.layers]]
units = 10
neuron = "if"

[rule]
name = "spike_count"

[training]
epochs = 2

[training.perturb]
under = "default"
clean = 0.4
weights = { "dt/10" = 1.0, "weights of 4 bits" = 2.0 }

[[training.perturb.rung]]
name = "two bits"
perturb.weight_quantisation = { bits = 2 }
"""


def study(tmp_path, *changes):
    text = STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "mine.toml").write_text(text)
    return read_study(str(tmp_path / "mine.toml"))


def test_a_study_trains_under_the_rungs_that_it_names(tmp_path):
    one = study(tmp_path, ('"weights of 4 bits" = 2.0', '"two bits" = 2.0'))
    network = train_study(one, tmp_path, load_split(one))
    curve = network.provenance["training_curve"]
    assert len(curve["train_accuracy, dt/10"]) == len(curve["train_accuracy, two bits"]) == 2
    assert "train_accuracy, weights of 4 bits" not in curve  # it is not named
    kept = bb.load_network(tmp_path / "network.h5").provenance["training"]["perturb"]
    assert kept["under"] == "default"
    assert kept["rung"][0]["name"] == "two bits"


def test_it_runs_to_its_verdict(tmp_path):
    one = study(tmp_path, ("epochs = 2", "epochs = 1"))
    run_study(one, tmp_path / "out")
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    finer = next(rung for rung in verdict["rungs"] if rung["name"] == "dt/10")
    assert finer["bridge"]["mismatches"] == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"dt/10" = 1.0', '"dt/11" = 1.0', "Did you mean 'dt/10'"),
        ("bits = 2", "bit = 2", "no option 'bit'"),
        ('under = "default"', 'under = "defaults"', "no ladder 'defaults'"),
        ("clean = 0.4", "clean = 4.0", "clean = 4.0"),
        ("clean = 0.4", "cleen = 0.4", "Did you mean 'clean'"),
        ('name = "two bits"', 'name = "dt/10"', "two rungs have the same name"),
        ("clean = 0.4", "every = 0", "every = 0"),
    ],
)
def test_wrong_tables_are_refused_by_their_file(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        study(tmp_path, (old, new))


def test_a_rung_that_does_not_fit_is_refused_before_training(tmp_path):
    one = study(
        tmp_path,
        ("perturb.weight_quantisation = { bits = 2 }", "perturb.unit_spikes = {}"),
        ('"dt/10" = 1.0', '"two bits" = 1.0'),
    )
    with pytest.raises(InputError, match="rung 'two bits'"):
        train_study(one, tmp_path, load_split(one))
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_refractory_period_may_be_set_beside_start(tmp_path):
    one = study(tmp_path, ("epochs = 2", "epochs = 1"))
    train_study(one, tmp_path, load_split(one))
    layers = STUDY[STUDY.index("encoding") : STUDY.index("[rule]")]
    start = f'start = "{tmp_path}/network.h5"\nrefractory = "1 ms"\n\n'
    other = study(tmp_path, (layers, start), ("epochs = 2", "epochs = 1"))
    found = train_study(other, tmp_path / "other", load_split(other))
    assert {str(p.neuron.refractory) for p in found.firing} == {"1. ms"}
    with pytest.raises(InputError, match="of their own"):
        found.with_refractory("2 ms")


def test_time_to_arrive_needs_spikes(tmp_path):
    one = study(tmp_path, ('readout = "potential"', 'readout = "potential"\nafter = 3'))
    with pytest.raises(InputError, match="gives a current"):
        train_study(one, tmp_path, load_split(one))
    spikes = study(
        tmp_path,
        ('readout = "potential"', 'readout = "potential"\nafter = 3'),
        ('kind = "current"', 'kind = "bernoulli"'),
        ("epochs = 2", "epochs = 1"),
    )
    assert train_study(spikes, tmp_path, load_split(spikes)).steps == 9
