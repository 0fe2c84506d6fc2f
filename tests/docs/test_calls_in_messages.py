"""A remedy that is a call runs as it is printed, after ``import brianbridge as bb``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import brianbridge as bb
from brianbridge import encodings, twin

SOURCE = Path(bb.__file__).parent
NAMES = {*bb.__all__, *encodings.__all__, *twin.__all__}
CALL = re.compile(rf"(?<![\w.])(?:brianbridge\.)?({'|'.join(sorted(NAMES))})\(|brianbridge\.\w+\(")


def texts(raised: ast.Raise) -> list[str]:
    """Return the texts of an error, with … for what is put in."""
    joined = [node for node in ast.walk(raised) if isinstance(node, ast.JoinedStr)]
    parts = {id(value) for node in joined for value in node.values}
    found = [
        "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)  # type: ignore[misc]
        for node in joined
    ]
    for node in ast.walk(raised):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            found.append(node.value)
    return found


def test_calls_in_messages_begin_with_bb() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}: {text}"
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        for text in texts(node)
        if CALL.search(text)
    ]
    assert not wrong, "\n".join(["", *wrong])
