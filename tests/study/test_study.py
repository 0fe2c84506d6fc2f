"""Studies: every file that ships is valid; folds; a killed study goes on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from brianbridge.io.networks.file import load_network
from brianbridge.ladder import execution
from brianbridge.study import read_study, run_study, study_names
from brianbridge.study.data import held_out, load_split
from brianbridge.study.run import ladder_of
from brianbridge.study.train import prepare


@pytest.mark.parametrize("name", study_names())
def test_every_study_fits_its_data(name, refused):
    study = read_study(name)
    try:
        split = load_split(study, 0 if study.dataset.folds else None)
    except ValueError as error:
        pytest.skip(f"the data are not here: {error}")
    start = study.network.start
    if start is not None and not Path(start).exists():  # of a study that comes before
        with refused(f"carry out the study '{Path(start).stem}' first"):
            prepare(study, split.train)
        return
    network, _ = prepare(study, split.train)
    assert network.output.size == len(split.train.classes)


def test_folds_are_trained_apart_and_averaged(tmp_path):
    study = read_study("iris_spike_count")
    training = replace(study.training, epochs=3)
    dataset = study.dataset.model_copy(update={"folds": 2})
    study = study.model_copy(update={"training": training, "dataset": dataset})
    summary = run_study(study, tmp_path)
    assert len(summary["parts"]) == 2
    mean = sum(part["twin_accuracy"] for part in summary["parts"]) / 2
    assert summary["mean"]["twin_accuracy"] == pytest.approx(mean)
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written["mean"] == summary["mean"]
    for fold in (0, 1):
        verdict = json.loads((tmp_path / f"fold{fold}/verdict.json").read_text())
        assert verdict["rungs"][0]["spike_mismatches"] == 0
        network = load_network(tmp_path / f"fold{fold}/network.h5")
        test = held_out(network.provenance, "iris")
        assert test.split == f"fold {fold} of 2, seed 1"
    assert verdict["dataset"]["samples"] == 75


def test_only_some_samples_and_the_twin_on_all(tmp_path):
    study = read_study("digits_spike_count").quick()
    summary = run_study(study, tmp_path)
    (part,) = summary["parts"]
    assert part["samples"] == 50
    assert part["samples_all"] == 360
    assert 0 < part["twin_accuracy_all"] < 1
    assert part["parity_spike_mismatches"] == 0
    assert (tmp_path / "spikes.h5").exists()


def test_an_interrupted_verification_of_a_study_goes_on(tmp_path, monkeypatch):
    study = read_study("digits_spike_count").quick()
    whole = run_study(study, tmp_path / "whole", spikes=False)
    run, left = execution.run_task, [1]

    def stops(*arguments, **options):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return run(*arguments, **options)

    monkeypatch.setattr(execution, "run_task", stops)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "again", spikes=False)
    assert (tmp_path / "again/unfinished").is_dir()
    left[0] = len(ladder_of(study)) - 1
    again = run_study(study, tmp_path / "again", spikes=False)
    assert left[0] == 0
    found, expected = (
        {name: value for name, value in summary["mean"].items() if "seconds" not in name}
        for summary in (again, whole)
    )
    assert found == expected
    assert not (tmp_path / "again/unfinished").exists()


def test_no_spikes(tmp_path):
    run_study(read_study("digits_spike_count").quick(), tmp_path, spikes=False)
    assert {file.name for file in tmp_path.iterdir()} == {
        "checkpoint.pt", "network.h5", "report.html", "summary.json", "verdict.json"
    }  # fmt: skip
