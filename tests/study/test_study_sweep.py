"""Sweeps: what is varied, trials that are finished are kept, the table, and a search by optuna."""

from __future__ import annotations

import csv
import json

import pytest

from brianbridge.cli import main
from brianbridge.errors import InputError
from brianbridge.plots import plot_trials
from brianbridge.study import read_study, trial
from brianbridge.study.over import Range, grid, random_options, read_over
from brianbridge.study.sweep import StudySweep
from brianbridge.study.trial_table import TrialTable

STUDY = "digits_spike_count"
RATES = ("--over", "training.learning_rate=1e-3,3e-3")


@pytest.fixture
def carried_out(monkeypatch):
    """Replace a study's work by an accuracy that follows from its options; list what was run."""
    ran = []

    def run_study(study, folder, *, on_epoch=None, decide_by, **_):
        rate, seed = study.training.learning_rate, study.seed
        if rate == 9.0:
            raise InputError("training: the loss became nan; lower the learning rate")
        ran.append((rate, seed))
        accuracy = 0.5 + 100 * rate + 0.01 * seed
        for epoch in range(3):
            if on_epoch is not None:
                on_epoch({"train_accuracy": [accuracy] * (epoch + 1)})
        numbers = {"twin_accuracy": accuracy, "samples": 50}
        for rung, lost in (("parity", 0.0), ("dt/10", 0.1)):
            numbers |= {
                f"{rung}_accuracy": accuracy - lost,
                f"{rung}_spikes_per_sample": 7.0,
                f"{rung}_synops_per_sample": 70.0,
            }
        summary = {"mean": numbers, "outcome": "held", "decide_by": decide_by}
        (folder / "summary.json").write_text(json.dumps(summary))
        return summary

    monkeypatch.setattr(trial, "run_study", run_study)
    return ran


def rows_of(folder):
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_values_are_read_as_toml_or_as_texts():
    assert read_over(["a.b=1,2.5,true", "c=x, y", "d=1,1", 'e="u,v"', "f=[1,2],[3]"]) == {
        "a.b": (1, 2.5, True), "c": ("x", "y"), "d": (1,), "e": ("u,v",), "f": ([1, 2], [3]),
    }  # fmt: skip
    assert read_over(["n=1..9", "p=../x.h5"]) == {"n": Range(1, 9), "p": ("../x.h5",)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs", "KEY=VALUE"), ("a=1,,2", "a value is empty"), ("a=5..1", "LOW..HIGH"),
        ("a=log:0..1", "numbers above 0"), ("seed=1,2", "--seeds"), ("a=x..y", "LOW..HIGH"),
    ],
)  # fmt: skip
def test_what_is_not_a_list_of_values_is_named(text, said, refused):
    with refused(f"--over '{text}'", said):
        read_over([text])


def test_a_grid_has_all_combinations_and_no_range(refused):
    assert len(list(grid({"a": (1, 2), "b": (1, 2, 3)}))) == 6
    with refused("'a' has a range", "--search random"):
        list(grid({"a": Range(1, 2)}))


def test_random_numbers_stay_within_their_range_and_begin_alike():
    over = {"a": Range(1, 3), "b": Range(1e-4, 1e-2, log=True), "c": ("x", "y")}
    many = list(random_options(over, 200, seed=1))
    assert many[:5] == list(random_options(over, 5, seed=1))
    assert {one["a"] for one in many} == {1, 2, 3}
    assert sum(one["b"] < 1e-3 for one in many) == pytest.approx(100, abs=30)
    assert all(1e-4 <= one["b"] <= 1e-2 for one in many)


def test_a_change_reaches_a_layer_and_a_wrong_key_is_named(refused):
    assert read_study(STUDY, {"network.layers.0.units": 7}).network.layers[0].units == 7
    with refused("'training.learning_rat'", "Did you mean 'learning_rate'?"):
        read_study(STUDY, {"training.learning_rat": 1.0})
    with refused("no table for the key 'network.layers.9.units'"):
        read_study(STUDY, {"network.layers.9.units": 7})


def test_finished_trials_are_kept_and_the_table_has_all(tmp_path, carried_out):
    command = ["study", "sweep", STUDY, "--quick", "--seeds", "2", "--out", str(tmp_path)]
    assert main([*command, *RATES]) == 0
    assert carried_out == [(1e-3, 1), (1e-3, 2), (3e-3, 1), (3e-3, 2)]
    rows = rows_of(tmp_path)
    assert [row["worst_rung"] for row in rows] == ["dt/10"] * 4
    assert float(rows[3]["worst_accuracy"]) == pytest.approx(0.72)
    assert "training.learning_rate" in (tmp_path / "trials.svg").read_text()
    carried_out.clear()
    assert main([*command, *RATES]) == 0
    assert carried_out == []
    assert rows_of(tmp_path) == rows
    assert main([*command, "--over", "training.learning_rate=1e-3,2e-3"]) == 0
    assert carried_out == [(2e-3, 1), (2e-3, 2)]


def test_the_parquet_table_is_the_csv_table(tmp_path, carried_out):
    parquet = pytest.importorskip("pyarrow.parquet")
    main(["study", "sweep", STUDY, "--quick", "--out", str(tmp_path), *RATES])
    found = parquet.read_table(tmp_path / "trials.parquet").to_pylist()
    assert [{key: str(value) for key, value in row.items()} for row in found] == rows_of(tmp_path)


def test_a_trial_that_fails_is_a_row_and_does_not_stop_the_others(tmp_path, carried_out, capsys):
    over = ("--over", "training.learning_rate=9.0,1e-3")
    assert main(["study", "sweep", STUDY, "--quick", "--out", str(tmp_path), *over]) == 2
    assert "1 of 2 trials failed; one: training: the loss became nan" in capsys.readouterr().err
    assert [row["outcome"] for row in rows_of(tmp_path)] == ["failed", "held"]
    assert carried_out == [(1e-3, 1)]


def test_a_study_that_does_not_fit_is_refused_before_any_work(tmp_path, carried_out, refused):
    sweep = StudySweep(
        read=lambda changes: read_study(STUDY, changes), over=("rule.name",), out=tmp_path
    )
    with refused("trial with rule.name=first_spike: "):
        sweep.run([{"rule.name": "spike_count"}, {"rule.name": "first_spike"}])
    assert carried_out == []


def test_a_folder_that_a_worker_does_not_see_is_named(tmp_path, refused):
    with refused("does not see the folder", "on a disk that all workers share"):
        trial.check_folder(tmp_path)


def test_other_data_on_a_worker_are_named(tmp_path, carried_out, refused):
    study = read_study(STUDY).quick()
    (tmp_path / trial.MARK).touch()
    other = trial.TrialJob(trial.Trial({}, study, "0" * 64), tmp_path)
    with refused("has other samples of 'digits'"):
        trial.run_trial(other)
    assert carried_out == []


def test_intervals_are_those_of_the_seeds():
    rows = [
        {"a": a, "b": b, "seed": seed, "worst_accuracy": 0.1 * a + 0.2 * b + 0.01 * seed}
        for a in (1, 2) for b in (0, 1) for seed in (0, 1, 2)
    ]  # fmt: skip
    table = TrialTable(("a", "b"), rows)
    (options, seeds, mean, ends), *_ = table.means("worst_accuracy", ["a"])
    assert (options, seeds) == ({"a": 1}, 3)
    assert mean == pytest.approx(0.21)
    assert ends[1] - ends[0] == pytest.approx(2 * 4.303 * 0.01 / 3**0.5, rel=1e-3)
    ax = plot_trials(table, "b")
    assert ax.get_xlabel() == "b"
    assert list(ax.lines[0].get_ydata()) == pytest.approx([16.0, 36.0])
    with pytest.raises(InputError, match="did not vary 'c'"):
        plot_trials(table, "c")


def test_optuna_goes_on_and_stops_what_falls_behind(tmp_path, carried_out):
    optuna = pytest.importorskip("optuna")
    search = [
        "study", "sweep", STUDY, "--quick", "--out", str(tmp_path), "--search", "optuna",
        "--over", "training.learning_rate=log:1e-4..4e-3", "--seeds", "2", "--trials",
    ]  # fmt: skip
    assert main([*search, "3"]) == 0
    first = rows_of(tmp_path)
    assert len(first) == len(carried_out) == 6
    assert main([*search, "12"]) == 0
    rows = rows_of(tmp_path)
    assert rows[:6] == [{**row, "reason": ""} for row in first]
    pruned = [row for row in rows if row["outcome"] == "pruned"]
    assert pruned
    assert all("optuna stopped it after 1 epochs" in row["reason"] for row in pruned)
    assert len(rows) == 24 - len(pruned)
    (name,) = optuna.study.get_all_study_names(
        optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "optuna.log"))
        )
    )
    assert len(name) == 16


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--search", "random"], "--trials"), (["--trials", "3"], "--search random"),
        (["--search", "optuna", "--trials", "0"], "--trials 0"), (["--seeds", "0"], "seeds = 0"),
        (["--search", "random", "--trials", "3"], "--over"),
        (["--worker-memory", "1"], "--workers"), (["--over", "training.epochs=1..2"], "a range"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_end_in_one_line(options, said, tmp_path, capsys):
    assert main(["study", "sweep", STUDY, "--out", str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
