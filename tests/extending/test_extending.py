"""The examples of ``docs/extending.md``, run from a package outside of brianbridge.

The package is made of the code blocks that have a file name, and found by its entry points alone.
One process runs the examples of all sections, each with names of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

RUN = """
import doctest, io, json, sys
failures = {}
for title, text in json.load(open(sys.argv[1])).items():
    test = doctest.DocTestParser().get_doctest(text, {}, title, None, None)
    said = io.StringIO()
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.write)
    failures[title] = said.getvalue()
json.dump(failures, open(sys.argv[2], "w"))
"""


def sections() -> dict[str, str]:
    """Return the text of each section by its title."""
    title, *rest = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"": title, **dict(zip(rest[::2], rest[1::2], strict=True))}


def blocks(text: str) -> list[tuple[str, str, str]]:
    """Return language, file name (or nothing) and content of the code blocks of a text."""
    return BLOCK.findall(text)


EXAMPLES = {
    title: "\n".join(content for language, _, content in blocks(text) if language == "pycon")
    for title, text in sections().items()
}
TITLES = [title for title, text in EXAMPLES.items() if text]


def install(folder: Path) -> None:
    """Write the package of the page into a folder, with what pip would leave beside it."""
    for _, name, content in blocks(PAGE.read_text(encoding="utf-8")):
        if name:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what went wrong in each section, if anything."""
    folder = tmp_path_factory.mktemp("site")
    install(folder)
    given, told = folder / "examples.json", folder / "failures.json"
    given.write_text(json.dumps(EXAMPLES))
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{RUN}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(given), str(told)],
        cwd=PAGE.parents[1], capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(told.read_text())


@pytest.mark.parametrize("title", TITLES)
def test_an_example(title: str, outcome: dict[str, Any]) -> None:
    assert not outcome[title], outcome[title]


def test_every_section_has_an_example() -> None:
    assert set(sections()) - set(TITLES) == {""}
