"""Check that a spike file can hold a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.json_text import parse_json

__all__ = ["as_int16", "as_json", "check_range", "check_run"]


def check_run(
    path: Path, shapes: Mapping[str, tuple[int, ...]], dt: float, steps: int | None
) -> None:
    """Refuse a run without populations or steps, or with names that HDF5 cannot hold."""
    if not shapes or any(name in ("", ".") or "/" in name for name in shapes):
        raise InputError(
            f"'{path}' needs at least one population, and names without '/': found {list(shapes)}"
        )
    if not (0 < dt < np.inf and (steps is None or steps > 0)):
        raise InputError(f"'{path}' needs dt > 0 and steps > 0, not dt = {dt} s, steps = {steps}")


def check_range(name: str, index: str, values: np.ndarray, end: int) -> None:
    """Refuse an index that is out of range."""
    if len(values) and not 0 <= values.min() <= values.max() < end:
        odd = values[(values < 0) | (values >= end)]
        raise InputError(f"population '{name}' has a spike of {index} {odd[0]}: expected < {end}")


def as_int16(name: str, values: np.ndarray) -> np.ndarray:
    """Return spike values as 16-bit integers; refuse all others."""
    if values.dtype in (np.int8, np.int16):
        return values.astype(np.int16)
    with np.errstate(invalid="ignore"):  # NaN and huge values are found by the comparison
        exact = values.astype(np.int16)
    odd = values[exact != values]
    if len(odd):
        raise InputError(f"population '{name}' has a spike value of {odd[0]}: expected int16")
    return exact


def as_json(provenance: Mapping[str, Any]) -> str:
    """Return standard JSON, which has no NaN."""
    try:
        text = json.dumps(dict(provenance), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the provenance of a spike file must be plain JSON: {error}") from None
    parse_json(text, "the provenance of a spike file")  # do not write what cannot be read
    return text
