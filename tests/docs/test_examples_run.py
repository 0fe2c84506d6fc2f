"""The examples are short, and run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
MOST_LINES = 60


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_listed(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert f"({example.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_as_a_program(example: Path, tmp_path: Path) -> None:
    root = str(FOLDER.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, check=True, timeout=300,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run it in this process, with a single epoch."""
    for package in ("matplotlib", "pandas", "pyarrow"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    code = example.read_text(encoding="utf-8")
    code = re.sub(r"epochs=\d+", "epochs=1", code)
    code = re.sub(r"in range\(\d+\)", "in range(1)", code)
    exec(compile(code, str(example), "exec"), {"__name__": "__main__"})
