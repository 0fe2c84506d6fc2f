"""``brianbridge inspect`` of some spikes of a file, and a picture of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spike_files import write

from brianbridge.cli import main


@pytest.fixture
def path(tmp_path: Path, recording) -> Path:
    return write(tmp_path / "s.h5", recording(1, 60))


def figures(capsys: pytest.CaptureFixture, *words: str) -> dict:
    assert main(["inspect", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)["selection"]


@pytest.mark.parametrize(
    ("words", "choose"),
    [
        (["--population", "hidden"], lambda e: e.step >= 0),
        (["--samples", "1"], lambda e: e.sample == 1),
        (["--samples", "1:3"], lambda e: e.sample >= 1),
        (["--time", "1 ms:2.5 ms"], lambda e: (e.step >= 10) & (e.step < 25)),
        (["--samples", "0", "--time", "0 ms:1 ms"], lambda e: (e.step < 10) & (e.sample == 0)),
    ],
)
def test_figures_are_of_the_chosen_spikes(path, recording, capsys, words, choose) -> None:
    found = figures(capsys, str(path), *words)
    assert list(found) == (["hidden"] if "--population" in words else ["hidden", "a first"])
    for name, entry in found.items():
        events = recording(1, 60).events(name)
        assert entry["spikes"] == choose(events).sum()
        neurons = {"hidden": 40, "a first": 10}[name]
        assert entry["silent"] == neurons - len(set(events.node[choose(events)].tolist()))


def test_the_rate_is_a_mean(path, capsys) -> None:
    found = figures(capsys, str(path), "--population", "hidden")
    assert found["hidden"]["rate_hz"] == pytest.approx(60 / (40 * 3 * 5e-3))


def test_it_is_told_as_text(path, capsys) -> None:
    assert main(["inspect", str(path), "--population", "hidden"]) == 0
    assert "60 spikes, 100 Hz, " in capsys.readouterr().out


def test_a_raster_is_drawn(path, tmp_path: Path, capsys) -> None:
    pytest.importorskip("matplotlib")
    assert main(["inspect", str(path), "--raster", str(tmp_path / "r.png")]) == 0
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--population", "hiden"], "Did you mean 'hidden'"),
        (["--samples", "3"], "which has 3: give 0 to 2"),
        (["--samples", "2:1"], "samples 2:1 are not in the file"),
        (["--samples", "x"], "give one, as in 3, or a range"),
        (["--time", "1 ms"], "give a start and an end"),
        (["--time", "1 ms:9 ms"], "within 0 to 5 ms"),
        (["--time", "1 ms:2 mV"], "is not a time"),
        (["--raster", "r.jpg"], "ends in .png"),
    ],
)
def test_what_cannot_be_chosen_is_refused(path, capsys, words, message) -> None:
    assert main(["inspect", str(path), *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_network_has_no_spikes(saved, capsys) -> None:
    assert main(["inspect", str(saved), "--samples", "1"]) == 2
    assert "is a network" in capsys.readouterr().err
