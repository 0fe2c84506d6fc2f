"""The examples of docs/nir.md run as they stand, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.interchange.nir.conventions import FRAMEWORKS
from brianbridge.interchange.nir.layers import LAYERS
from brianbridge.interchange.nir.neurons import NEURONS

PAGE = Path(__file__).parents[2] / "docs" / "nir.md"


def test_the_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 3
    scope: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    shown = capsys.readouterr().out
    assert "'rating': 'faithful'" in shown
    assert "'reset': 'subtract_later'" in shown
    assert "% of the counts are equal" in shown
    assert "\nTrue\n" in shown
    assert shown.rstrip().endswith("subtract")
    graph = scope["graph"]
    kept = 1 - graph.metadata["dt"] / graph.nodes["hidden"].tau[0]
    assert np.isclose(kept, np.exp(-0.1))


def test_the_tables_name_all_frameworks_and_nodes():
    text = PAGE.read_text(encoding="utf-8")
    for name, rules in FRAMEWORKS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert f"`{rules.resets[0]}`" in row
        assert ("none: state it" in row) == (rules.dt is None)
    for kind in {*LAYERS, *NEURONS} - {"Output"}:
        assert f"`{kind}`" in text
