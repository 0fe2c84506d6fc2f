"""NIR files on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import pytest
from nir_cases import chain, lif

import brianbridge as bb
from brianbridge.bench.contestants import CONTESTANTS
from brianbridge.cli import main

STATED = ["--from", "norse", "--steps", "12", "--input", "current"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    nodes = (nir.Affine(rng.normal(size=(6, 4)), np.zeros(6)), lif(6), nir.Linear(np.eye(3, 6)))
    nir.write(tmp_path / "net.nir", chain(*nodes, lif(3), shape=(4,)))
    return str(tmp_path / "net.nir")


def test_inspect_lists_the_nodes_and_rates_them(path, capsys) -> None:
    assert main(["inspect", path]) == 0
    shown = capsys.readouterr().out
    assert "v_threshold 1" in shown
    assert "state where it was trained" in shown
    assert main(["inspect", path, "--from", "norse"]) == 0
    shown = capsys.readouterr().out
    assert "as norse steps: euler, dt 1 ms (its default), reset to_value (its default)" in shown
    assert shown.count("faithful") == 6
    assert main(["inspect", path, "--from", "norse", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["nodes"]["n1"]["rating"] == "faithful"
    assert described["conventions"]["defaults"] == ["dt", "reset", "spikes"]


def test_convert_there_and_back(path, tmp_path, capsys) -> None:
    network, back = str(tmp_path / "net.h5"), str(tmp_path / "back.nir")
    assert main(["convert", path, network, *STATED]) == 0
    assert "n1      LIF        faithful" in capsys.readouterr().out
    assert bb.load_network(network).provenance["interchange"]["conventions"]["framework"] == "norse"
    assert main(["convert", network, back]) == 0
    assert "written for norse: dt 0.001, reset to_value, spikes step" in capsys.readouterr().out
    again = nir.read(back)
    np.testing.assert_array_equal(
        again.nodes["n1"].tau, nir.read(path, type_check=False).nodes["n1"].tau
    )
    assert main(["convert", back, str(tmp_path / "again.h5")]) == 0
    assert bb.load_network(tmp_path / "again.h5").to_dict() == bb.load_network(network).to_dict()


def test_verify_says_how_the_file_was_read(path, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    status = main(["verify", path, "--data", "iris", "--samples", "5", *STATED, "--out", str(out)])
    assert status in (0, 1, 3)
    shown = capsys.readouterr().out
    assert "as norse steps: euler" in shown
    verdict = json.loads((out / "verdict.json").read_text())
    facts = verdict["provenance"]["interchange"]
    assert facts["conventions"]["dt"] == 1e-3
    assert facts["nodes"]["n1"] == {"kind": "LIF", "rating": "faithful", "note": ""}
    assert verdict["rungs"][0]["spike_mismatches"] == 0
    page = (out / "report.html").read_text()
    assert "--from norse --steps 12 --input current" in page
    assert "read from a NIR file, as norse steps: euler, dt 1 ms (its default)" in page
    assert "6 nodes: none approximate, the others faithful" in page


def test_sensitivity_takes_the_file(path, tmp_path, capsys) -> None:
    network = str(tmp_path / "net.h5")
    assert main(["convert", path, network, *STATED]) == 0
    command = ["--data", "iris", "--of", "counts", "--samples", "3"]
    assert main(["sensitivity", network, *command, "--out", f"{tmp_path}/one.json"]) == 0
    capsys.readouterr()
    assert main(["sensitivity", path, *command, *STATED, "--out", f"{tmp_path}/other.json"]) == 0
    assert "as norse steps: euler" in capsys.readouterr().out
    one, other = (json.loads((tmp_path / f"{k}.json").read_text()) for k in ("one", "other"))
    assert one == other


def test_bench_simulate_takes_the_file(path, tmp_path, monkeypatch) -> None:
    for name in set(CONTESTANTS) - {"batched"}:
        monkeypatch.delitem(CONTESTANTS, name)
    command = ["bench", "simulate", path, "--data", "iris", "--samples", "5", "--quick"]
    assert main([*command, *STATED, "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "simulate.json").read_text())
    assert result["peak_memory_mb"] > 10
    assert "--from norse --steps 12 --input current" in result["provenance"]["command"]


def test_images_without_an_axis_for_their_only_channel_fit(tmp_path, capsys) -> None:
    kernels = np.random.default_rng(0).normal(size=(2, 1, 3, 3))
    conv = nir.Conv2d(np.array([8, 8]), kernels, 1, 0, 1, 1, np.zeros(2))
    nodes = (conv, lif(72), nir.Flatten(np.array([2, 6, 6]), 0), nir.Linear(np.ones((10, 72))))
    nir.write(tmp_path / "net.nir", chain(*nodes, lif(10), shape=(1, 8, 8)))
    command = ["verify", str(tmp_path / "net.nir"), "--data", "digits", "--samples", "3", *STATED]
    assert main(command) in (0, 1, 3)
    assert "on 3 samples of digits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "{path}", "{out}.h5"], "state the framework"),
        (["convert", "{path}", "{out}.h5", "--from", "norse"], "state the number of steps"),
        (["convert", "{path}", "{out}.nir", *STATED], "is a NIR file already"),
        (["verify", "{path}", "--data", "iris"], "state the framework"),
        (["verify", "{net}", "--data", "iris", "--from", "norse"], "--from is for NIR files"),
        (["sensitivity", "{net}", "--data", "iris", "--dt", "1 ms"], "--dt is for NIR files"),
        (["bench", "simulate", "{path}", "--data", "iris"], "state the framework"),
        (["inspect", "{net}", "--dt", "1 ms"], "--dt is for NIR files"),
        (["convert", "{net}", "{out}.nir", "--steps", "3"], "--steps says how a NIR file is read"),
        (["convert", "{net}", "{out}.nir", "--to", "nurse"], "Did you mean 'norse'"),
    ],
)
def test_wrong_options_are_one_line(path, tmp_path, capsys, arguments, message) -> None:
    network = bb.from_nir(path, "norse", steps=5, encoding="current")
    bb.save_network(network, tmp_path / "net.h5")
    names = {"path": path, "out": tmp_path / "out", "net": tmp_path / "net.h5"}
    assert main([part.format(**names) for part in arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
