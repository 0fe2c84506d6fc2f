"""The messages that docs/troubleshooting.md explains are messages of the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"


def messages() -> str:
    """Return all texts in the source, with … for what is put in."""
    found = []
    for path in (ROOT / "brianbridge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_each_heading_is_a_message() -> None:
    headings = re.findall(r"^### `(.+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) >= 40
    known = messages()
    pieces = {h: [p.strip(" ';") for p in h.split("…") if p.strip(" ';")] for h in headings}
    missing = [h for h, parts in pieces.items() if not all(part in known for part in parts)]
    assert not missing
