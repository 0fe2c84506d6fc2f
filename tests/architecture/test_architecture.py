"""The order of rooms, cycles, sizes and docstrings, read from the source without importing it."""

from __future__ import annotations

import ast
import statistics
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from import_graph import (
    FLOORS,
    FRONT,
    GROUND,
    PACKAGE,
    Import,
    cycles,
    floor,
    modules,
    read_imports,
    room,
)

ROOT = Path(__file__).parents[2]
FILES = modules(ROOT)
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
LINES = {name: len(source.splitlines()) for name, source in SOURCES.items()}
PACKAGES = [name for name, path in FILES.items() if path.name == "__init__.py"]
ROOMS = [name for name in PACKAGES if name.count(".") == 1]

MOST_LINES, MOST_MEDIAN, MOST_P90, MOST_OF_A_FUNCTION = 400, 120, 250, 60


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return read_imports(ROOT)


def listed(lines: list[str]) -> str:
    return "\n".join(["", *lines])


def test_every_room_has_a_floor() -> None:
    rooms = {room(name) for name in FILES}
    known = {name for names in FLOORS for name in names}
    assert rooms <= known


def test_no_room_imports_a_room_above_it(imports: list[Import]) -> None:
    climbs = [
        str(found) for found in imports if floor(room(found.imported)) > floor(room(found.module))
    ]
    assert not climbs, listed(climbs)


def test_rooms_form_no_cycle(imports: list[Import]) -> None:
    between: dict[str, set[str]] = defaultdict(set)
    for found in imports:
        one, other = room(found.module), room(found.imported)
        if one != other and one not in (GROUND, *FRONT):
            between[one].add(other)
    found_cycles = [" - ".join(cycle) for cycle in cycles(between)]
    assert not found_cycles, listed(found_cycles)


def test_files_form_no_cycle(imports: list[Import]) -> None:
    between: dict[str, set[str]] = defaultdict(set)
    for found in imports:
        between[found.module].add(found.imported)
    found_cycles = [" - ".join(cycle) for cycle in cycles(between)]
    assert not found_cycles, listed(found_cycles)


def test_modules_are_small() -> None:
    sizes = sorted(LINES.values())
    long = [f"{name}: {lines} lines" for name, lines in LINES.items() if lines > MOST_LINES]
    assert not long, listed(long)
    assert statistics.median(sizes) <= MOST_MEDIAN
    assert statistics.quantiles(sizes, n=10, method="inclusive")[-1] <= MOST_P90


def test_functions_are_short() -> None:
    """Count the lines of a function without its docstring, which may explain many parameters."""
    long = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = lines_of_code(node)
                if lines > MOST_OF_A_FUNCTION:
                    long.append(f"{name}, {node.name}: {lines} lines")
    assert not long, listed(long)


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or 0) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def test_every_module_has_a_docstring() -> None:
    bare = [name for name, tree in TREES.items() if not ast.get_docstring(tree)]
    assert not bare, listed(bare)


def test_every_room_says_what_it_may_import() -> None:
    texts = {name: " ".join((ast.get_docstring(TREES[name]) or "").split()) for name in ROOMS}
    silent = [name for name, text in texts.items() if "may import" not in text.lower()]
    assert not silent, listed(silent)


def test_a_cycle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"d2"}, "d2": set()}
    assert cycles(graph) == [["a", "b", "c"]]


def test_hidden_imports_are_read(tmp_path: Path) -> None:
    room_a = tmp_path / PACKAGE / "network"
    room_a.mkdir(parents=True)
    (room_a / "other.py").touch()
    (room_a / "one.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import brianbridge.network.other\n"
        "def f():\n    from brianbridge.network import other\n"
        "    import_module('brianbridge.network.other')\n"
    )
    found = read_imports(tmp_path)
    assert [(i.imported, i.line) for i in found] == [
        ("brianbridge.network.other", 3),
        ("brianbridge.network.other", 5),
        ("brianbridge.network.other", 6),
    ]
    (room_a / "one.py").write_text("from . import other\n")
    with pytest.raises(ValueError, match="package's name"):
        read_imports(tmp_path)


def test_no_two_test_files_have_one_name():
    """pytest imports them by their names, and refuses the second only when both are collected."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []
