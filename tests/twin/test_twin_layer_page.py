"""The examples of docs/twin_layer.md run as they stand, with fewer epochs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

PAGE = Path(__file__).parents[2] / "docs" / "twin_layer.md"


def test_the_page_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    code = "\n".join(blocks)
    assert "range(20)" in code
    torch.manual_seed(0)
    scope: dict[str, Any] = {"__name__": "page"}
    exec(compile(code.replace("range(20)", "range(3)"), str(PAGE), "exec"), scope)
    assert scope["accuracy"] > 0.5
    assert scope["differing"] == 0
    twin, features = scope["twin"], scope["features"]
    assert torch.equal(scope["same"], twin(features)[10:20])
    assert scope["state"].step == 60
    whole = twin.run(None, scope["raster"])
    assert torch.equal(whole.output, scope["counts"])
    assert scope["verdict"].rungs[0].spike_mismatches == 0
