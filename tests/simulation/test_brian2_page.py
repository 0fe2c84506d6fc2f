"""The examples of docs/brian2.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "brian2.md"


def test_the_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example writes a file
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) >= 6
    scope: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    shown = capsys.readouterr().out
    assert f"{scope['long'].output.sum()} " in shown
    assert (tmp_path / "long.h5").exists()
    assert "poisson, up to 50 Hz" in shown
    assert scope["x"].shape == (10, 200, 64)
    assert scope["again"].counts["cells"].shape == (1, 10)
    assert np.all(scope["recording"].counts["cells"].sum(axis=1) > 0)
    assert np.ptp(np.asarray(scope["group"].tau_g)) > 0
    assert scope["group"].namespace["tau"] != scope["tau"]
