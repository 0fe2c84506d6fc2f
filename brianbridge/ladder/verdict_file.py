"""Read ``verdict.json`` again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from brianbridge.errors import InputError
from brianbridge.io.json_text import parse_json
from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.verdict import SCHEMA, Verdict
from brianbridge.measures.operations import Operations
from brianbridge.paths import checked_path
from brianbridge.schema.tables import validated

__all__ = ["read_verdict"]

#: Most bytes of a file that is read; a verdict has a few kilobytes for each rung.
_LARGEST = 100_000_000


class _Entries(BaseModel):
    """The entries of a file that a verdict is made of; the others follow from them."""

    network: str
    dataset: dict[str, Any]
    twin: TwinOutcome
    rungs: tuple[RungOutcome, ...]
    provenance: dict[str, Any]
    operations: Operations | None = None
    skipped: dict[str, str] = {}
    baseline: TwinOutcome | None = None
    decide_by: Literal["interval", "estimate"] = "interval"
    about: dict[str, Any] = {}


def read_verdict(path: str | Path) -> Verdict:
    """Read a verdict from its file; it has no evidence.

    Parameters
    ----------
    path : str or Path
        A ``verdict.json``.

    Raises
    ------
    InputError
        If there is no such file, or it is no verdict of this version.
    """
    path = checked_path(path)
    if not path.is_file():
        raise InputError(f"file '{path}': there is no such file; give a verdict.json")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"file '{path}' has more than 100 MB and is no verdict; give another one")
    entries = parse_json(path.read_bytes(), f"file '{path}'")
    if not isinstance(entries, Mapping) or "rungs" not in entries:
        raise InputError(f"file '{path}' is no verdict; give a verdict.json that verify wrote")
    if entries.get("schema") != SCHEMA:
        raise InputError(
            f"file '{path}' has schema {entries.get('schema')!r:.20}, and this version of "
            f"brianbridge reads {SCHEMA}; run brianbridge verify again"
        )
    found = validated(_Entries, entries, f"file '{path}'")
    return Verdict(**{name: getattr(found, name) for name in _Entries.model_fields})
