"""The examples of docs/torch.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "torch.md"


def test_the_examples_run(capsys):
    pytest.importorskip("snntorch")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    scope: dict[str, Any] = {"__name__": "page"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), scope)
    assert scope["counts"].sum() > 0
    assert (scope["mine"].projections[0].weight == scope["net"].projections[0].weight).all()
    assert "emit: int(v > theta)" in capsys.readouterr().out
