"""The examples in docstrings run as they stand."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import matplotlib
import pytest

import brianbridge

FOLDER = Path(brianbridge.__file__).parent
#: Modules without examples are not imported.
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8") and path.name != "__init__.py"
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(import_module(name), optionflags=FLAGS).failed == 0
