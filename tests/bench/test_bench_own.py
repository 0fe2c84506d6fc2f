"""`bench own` compares the spikes of what it times, and writes what it measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brianbridge.bench import own
from brianbridge.bench.own_report import own_as_markdown
from brianbridge.cli import main


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in this process, which compiles nothing."""

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(own, "in_fresh_process", run)


@pytest.mark.usefixtures("one_process")
def test_a_row_for_each_size_and_a_table_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_STREAMED", 50)
    command = ["bench", "own", "--neurons", "150", "200", "--rounds", "1", "--stream", "0.1"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "own.json").read_text())
    assert [row["neurons"] for row in result["rows"]] == [150, 200]
    for row in result["rows"]:
        assert row["differing_spikes"] == 0 < row["spikes"]
        times = ("reading", "plain_first", "ours_first", "plain", "ours", "ratio")
        assert all(row[key] > 0 for key in times)
    assert [row["biological_seconds"] for row in result["stream"]] == [0.01, 0.1]
    assert result["stream"][1]["spikes"] > 0
    table = own_as_markdown(result)
    assert (tmp_path / "own.md").read_text() == table
    assert table in capsys.readouterr().out
    assert "`brianbridge bench own --neurons 150 200 --stream 0.1 --rounds 1 --seed 1`" in table


@pytest.mark.usefixtures("one_process")
def test_a_spike_that_differs_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own.np, "setxor1d", lambda one, other: one[:3])
    assert main(["bench", "own", "--neurons", "150", "--rounds", "1"]) == 1
    assert "differ in 3 of" in capsys.readouterr().err


def test_memory_is_that_of_a_process_of_its_own() -> None:
    assert own.in_fresh_process(divmod, 7, 2) == (3, 1)


def test_senseless_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "own", "--neurons", "0"]) == 2
    assert "give at least 1 neuron" in capsys.readouterr().err
