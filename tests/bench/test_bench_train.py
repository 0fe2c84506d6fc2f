"""`bench train` times the same work everywhere, and fails if ours is not that of the definition."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from brianbridge.bench import train, train_growth
from brianbridge.bench.learners import ANN, DEFINITION, learner_of
from brianbridge.bench.peers import PEERS, missing_peers
from brianbridge.bench.train_report import train_as_markdown
from brianbridge.bench.training_tasks import SHAPES, setup_of, task_of
from brianbridge.cli import main

TINY = {"batch": 3, "steps": 4, "width": 12}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(SHAPES, "small", SHAPES["small"].__class__(**{
        **vars(SHAPES["small"]), "setup": setup_of("small", **TINY)}))  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_our_gradient_is_that_of_the_definition(shape):
    task = task_of(setup_of(shape, **TINY))
    wanted, expected = learner_of(DEFINITION, task, torch.float64).gradients()
    found, gradients = learner_of("surrogate_gradient", task, torch.float64).gradients()
    assert torch.equal(found, wanted)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(gradient, expected[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(set(PEERS) - set(missing_peers())))
@pytest.mark.parametrize("shape", ["small", "recurrent", "lenet"])
def test_other_frameworks_run_the_same_network(name, shape):
    task = task_of(setup_of(shape, **TINY))
    wanted, expected = learner_of(DEFINITION, task).gradients()
    found, gradients = learner_of(name, task).gradients()
    # A reset that comes one step later changes some spikes.
    assert abs(float(found.mean()) / float(wanted.mean()) - 1) < 0.3
    if PEERS[name].same:
        assert torch.equal(found, wanted)
        for key, gradient in gradients.items():
            torch.testing.assert_close(gradient, expected[key], rtol=1e-4, atol=1e-6)


def test_a_step_is_taken_from_the_same_weights_by_all():
    task = task_of(setup_of("small", **TINY))
    learners = [learner_of(name, task) for name in (ANN, DEFINITION, "surrogate_gradient")]
    for name, weight in learners[0].weights.items():
        assert all(torch.equal(weight, other.weights[name]) for other in learners[1:])
    before = learners[2].weights["input_to_hidden"].clone()
    learners[2].step()
    assert not torch.equal(before, learners[2].weights["input_to_hidden"])


def test_hidden_neurons_are_as_active_as_asked():
    task = task_of(setup_of("small", activity=0.2))
    assert train.hidden_activity(task) == pytest.approx(0.2, abs=0.03)
    assert task.encoded.raster.mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.usefixtures("tiny")
def test_the_command_writes_a_row_for_each_contestant(tmp_path, capsys):
    command = ["bench", "train", "--model", "small", "--peers", "none", "--quick"]
    assert main([*command, "--repeats", "1", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "train.json").read_text())
    (table,) = result["tables"]
    names = [row["name"] for row in table["rows"]]
    assert names[:2] == [ANN, DEFINITION]
    assert {"spike_count", "surrogate_gradient"} <= set(names)
    assert all(row["ms"] > 0 and row["times_fastest_peer"] is None for row in table["rows"])
    text = (tmp_path / "train.md").read_text()
    assert text == train_as_markdown(result)
    assert text in capsys.readouterr().out
    assert "--model small --peers none --quick --repeats 1 --seed 1`" in text


@pytest.mark.usefixtures("tiny")
def test_a_wrong_gradient_ends_the_benchmark(monkeypatch, capsys):
    made = train.learner_of

    def wrong(name, task, dtype=torch.float32):
        learner = made(name, task, dtype)
        if name != "surrogate_gradient":
            return learner
        output, gradients = learner.gradients()
        doubled = {key: 2 * gradient for key, gradient in gradients.items()}
        monkeypatch.setattr(type(learner), "gradients", lambda _: (output, doubled))
        return learner

    monkeypatch.setattr(train, "learner_of", wrong)
    monkeypatch.setattr(train, "_times", lambda *_: pytest.fail("was timed"))
    assert main(["bench", "train", "--model", "small", "--peers", "none", "--quick"]) == 1
    assert "differ" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_a_sweep_has_a_table_for_each_value(monkeypatch):
    monkeypatch.setitem(train.SWEEPS, "steps", (2, 5))
    result = train.bench_train(["small"], sweep="steps", repeats=1, memory=False)
    assert [table["setup"]["steps"] for table in result["tables"]] == [2, 5]


def test_growth_has_a_row_for_each_rule_and_size(monkeypatch, tmp_path):
    monkeypatch.setattr(train_growth, "in_fresh_process", lambda *_: 1.5)
    monkeypatch.setattr(train_growth, "GROWTH", {"steps": ((2, 4), {"batch": 2, "width": 5})})
    assert main(["bench", "train", "--growth", "--repeats", "1", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "train_growth.json").read_text())
    rows = result["growth"]["steps"]
    assert {row["steps"] for row in rows} == {2, 4}
    assert {row["rule"] for row in rows} >= {"surrogate_gradient", "spike_count", "ottt"}
    assert all(row["ps_per_weight"] > 0 for row in result["growth"]["steps"])
    assert "| 4 | `surrogate_gradient` |" in (tmp_path / "train_growth.md").read_text()


def test_memory_is_that_above_what_the_process_held():
    from brianbridge.bench.memory import added_peak_mb

    before = np.ones(4_000_000)  # 32 MB, which do not count
    found = added_peak_mb(lambda: np.ones(8_000_000).sum())
    assert found is None or 60 < found < 80
    assert before[0] == 1


@pytest.mark.parametrize(
    "wrong", [["--repeats", "0"], ["--seed", "-1"], ["--model", "none"], ["--sweep", "size"]]
)
def test_senseless_options_are_refused(wrong, capsys):
    assert main(["bench", "train", *wrong]) == 2
    assert capsys.readouterr().err


def test_a_framework_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr("brianbridge.bench.peers.find_spec", lambda _: None)
    assert main(["bench", "train", "--peers", "norse"]) == 2
    assert "--peers norse: not installed; pip install" in capsys.readouterr().err
