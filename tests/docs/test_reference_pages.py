"""The reference by task names everything that is public, and nothing else."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import brianbridge

PAGES = Path(__file__).parents[2] / "docs" / "api"
MODULES = [
    name for name in brianbridge.__all__ if isinstance(getattr(brianbridge, name), ModuleType)
]


def listed() -> list[tuple[str, str]]:
    """Return module and name of each entry."""
    found, module = [], ""
    for page in PAGES.glob("*.rst"):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith(".. currentmodule::"):
                module = line.split()[-1]
            elif re.fullmatch(r"   \w+", line) and page.name != "index.rst":
                found.append((module, line.strip()))
    return found


def test_each_entry_is_there_and_listed_once() -> None:
    entries = listed()
    assert len(set(entries)) == len(entries)
    objects = [getattr(import_module(module), name) for module, name in entries]
    assert len({id(one) for one in objects}) == len(objects)


def test_everything_public_is_listed() -> None:
    known = {id(getattr(import_module(module), name)) for module, name in listed()}
    public = [("brianbridge", name) for name in brianbridge.__all__ if name not in MODULES]
    for module in MODULES:
        place = f"brianbridge.{module}"
        public += [(place, name) for name in import_module(place).__all__]
    missing = [
        f"{module}.{name}"
        for module, name in public
        if not name.startswith("__") and id(getattr(import_module(module), name)) not in known
    ]
    assert not missing
