"""The examples of docs/training.md on neuron parameters run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np


def page_examples(name: str) -> list[str]:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    text = page.read_text(encoding="utf-8")
    section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)


def test_the_examples_of_the_page_run():
    blocks = page_examples("Neuron parameters")
    assert blocks
    scope: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "docs/training.md", "exec"), scope)
    assert np.shape(scope["trained"].populations[0].neuron.parameters["tau"]) == (64,)
    assert scope["differing"] == 0
