"""The command asks torch for large pages of memory, in a process of its own alone."""

from __future__ import annotations

import os
import sys

import pytest

from brianbridge.cli import main

NAME = "THP_MEM_ALLOC_ENABLE"


@pytest.mark.parametrize(
    ("arguments", "before", "after"),
    [(None, None, "1"), (None, "0", "0"), (["models"], None, None)],
)
def test_large_pages(arguments, before, after, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["brianbridge", "models"])
    monkeypatch.setenv(NAME, before or "")  # restored at the end
    if before is None:
        monkeypatch.delenv(NAME)
    assert main(arguments) == 0
    assert os.environ.get(NAME) == after
