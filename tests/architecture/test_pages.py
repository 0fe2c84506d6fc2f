"""The pages of the documentation name only files and sections that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = [p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts]
PAGES = sorted([*ROOT.glob("*.md"), *DOCS, *(ROOT / n / "README.md" for n in ("data", "examples"))])
#: Changes of earlier versions are told in the names of that time.
PAGES.remove(ROOT / "CHANGELOG.md")
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: Folders and files from the root of the repository, and Python files within the package.
NAMED = re.compile(r"`((?:brianbridge|tests|studies|models|data|docs)/[\w./-]+|[\w./-]+/\w+\.py)`")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_files(page: Path) -> list[str]:
    names = NAMED.findall(page.read_text(encoding="utf-8"))
    places = (ROOT, ROOT / "brianbridge", ROOT / "tests")
    return [
        name
        for name in names
        if "NAME" not in name and not any((place / name).exists() for place in places)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert not broken_links(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    assert not missing_files(page)


def test_the_site_has_the_pages_that_results_list() -> None:
    tree = ast.parse((ROOT / "docs" / "conf.py").read_text(encoding="utf-8"))
    (included,) = (
        ast.literal_eval(line.value)
        for line in tree.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "include_patterns"
    )
    globs = re.findall(r"^\.\./(.*\*)$", (ROOT / "docs" / "results.md").read_text(), re.MULTILINE)
    pages = [page for each in globs for page in ROOT.glob(f"{each}.md")]
    assert {page.parent.name for page in pages} == {"results", "growth"}
    for page in pages:
        assert any(page.relative_to(ROOT).match(pattern) for pattern in included), page
