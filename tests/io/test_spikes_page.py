"""The examples of docs/spikes.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brianbridge.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "spikes.md"


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    for package in ("libsonata", "pandas", "pyarrow", "pynwb", "neo", "nir", "matplotlib"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    text, names = PAGE.read_text(), {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 11
    for block in blocks:
        exec(block, names)
    assert len(names["events"]) > 10
    assert len(names["recording"].events("output")) == len(names["events"])
    (commands,) = re.findall(r"```sh\n(.*?)```", text, re.S)
    for line in commands.splitlines():
        words = [w.strip('"') for w in re.findall(r'"[^"]*"|\S+', line)]
        assert words[0] == "brianbridge"
        assert main(words[1:]) == 0
    assert (tmp_path / "spikes.png").exists()
    assert (tmp_path / "cells.h5").exists()
