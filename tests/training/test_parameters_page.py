"""The examples of docs/parameters.md run as they stand, with fewer iterations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from brian2 import Hz, prefs

import brianbridge as bb

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


@pytest.fixture
def no_compilation():
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = before


def test_training_moves_the_rates_and_no_synapse(no_compilation):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    code = "\n".join(blocks)
    assert "range(40)" in code
    scope: dict[str, Any] = {"__name__": "page"}
    exec(compile(code.replace("range(40)", "range(12)"), str(PAGE), "exec"), scope)

    before, after, wanted = scope["before"], scope["after"], scope["wanted"]
    assert abs(after["exc"] / Hz - wanted["exc"]) < 0.6 * abs(before["exc"] / Hz - wanted["exc"])
    constants = {name: group.namespace for name, group in scope["groups"].items()}
    assert constants["exc"]["tau_m"] != constants["inh"]["tau_m"] != scope["constants"]["tau_m"]
    untouched, trained = scope["net"], bb.write_back(scope["twin"])
    for old, new in zip(untouched.projections, trained.projections, strict=True):
        assert (old.weight.astype("float32") == new.weight).all()
