"""The examples of docs/fitting.md and the files of docs/fitting_reference.md run as they stand."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brian2 import Hz, ms, mV, nS, pA, pF

from brianbridge.cli import main
from brianbridge.fitting.file import FitFile
from brianbridge.schema import validated

DOCS = Path(__file__).parents[2] / "docs"
PAGE, REFERENCE = DOCS / "fitting.md", DOCS / "fitting_reference.md"


def files() -> list[str]:
    """Return the files and parts of files of the reference."""
    return re.findall(r"^```toml\n(.*?)^```", REFERENCE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("part", files()[1:])
def test_each_part_of_a_file_fits_the_schema(part):
    whole, other = tomllib.loads(files()[0]), tomllib.loads(part)
    assert validated(FitFile, {**whole, **other}, "the file").target


def test_the_examples_and_the_file_find_the_truth(tmp_path, monkeypatch, capsys):
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) >= 3
    scope: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    fit, truth = scope["fit"], scope["truth"]
    for name, (low, high) in fit.intervals.items():
        assert low - 0.5 * (high - low) < truth[name] < high + 0.5 * (high - low)
    assert float(fit.rms["v"] / mV) == pytest.approx(0.2, rel=0.05)
    assert scope["by_spikes"].coincidence > 0.8
    assert abs(scope["by_rates"].measured["rate"] - [0, 50, 110, 165] * Hz).max() <= 5 * Hz
    assert scope["by_features"].loss < 0.1
    assert scope["by_loss"].loss < 1
    assert scope["of_circuit"].loss < 1e-6
    assert float(scope["mine"]["wires"].g_max[0] / nS) == pytest.approx(3, rel=1e-3)
    assert "DIFFERS" not in capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    Path("cell.toml").write_text(files()[0].replace("starts = 16", "starts = 2"))
    np.savez("sweeps.npz", current=scope["current"] / pA, potential=scope["recorded"] / mV)
    lines = [f'{name} = "{float(v)!r} {unit(v)}"' for name, v in truth.items()]
    Path("cell_model.toml").write_text(
        f'equations = """{scope["equations"]}"""\nmethod = "exponential_euler"\nreceive = ""\n'
        '[initial]\nv = "-70 mV"\n[parameters]\n' + "\n".join(lines)
    )
    assert main(["fit", "cell.toml", "--result", "fit.json"]) == 0
    assert "g_L = " in capsys.readouterr().out
    assert json.loads(Path("fit.json").read_text())["rms"]["v"]["value"] == pytest.approx(
        2e-4, rel=0.05
    )


def unit(value: Any) -> str:
    return next(
        name
        for name, one in (("siemens", nS), ("volt", mV), ("farad", pF), ("second", ms))
        if one.dim is value.dim
    )
