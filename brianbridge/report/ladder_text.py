"""Write the rungs of a verdict as a ladder file, so that they can run again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from brianbridge.ladder.outcomes import RungOutcome

__all__ = ["ladder_text"]


def ladder_text(rungs: Iterable[RungOutcome]) -> str:
    """Return the text of a ladder file with these rungs.

    Parameters
    ----------
    rungs : iterable of RungOutcome
        The rungs that ran.
    """
    return "\n".join(_rung(rung) for rung in rungs)


def _rung(rung: RungOutcome) -> str:
    lines = ["[[rung]]", f"name = {_value(rung.name)}"]
    if rung.runs > 1:
        lines.append(f"repeats = {rung.runs}")
    if rung.attribution is not None:
        lines.append("attribute = true")
    # A file cannot say "no limit" if there is a default. A drop of 1 is no limit.
    limits = {"max_accuracy_drop": 1.0} | {
        k: v for k, v in rung.tolerances.items() if v is not None
    }
    lines += [f"{key} = {_value(v)}" for key, v in limits.items()]
    lines += [f"perturb.{key} = {_value(v)}" for key, v in rung.perturbations.items()]
    lines += [
        f"remedy.{found.remedy} = {_value(found.options)}"
        for found in (rung.remedies or {}).values()
    ]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """Return a value in TOML, whose strings, numbers and lists are those of JSON."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str | bool | int | float):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value))  # a quantity: "10. ms"


def _key(key: str) -> str:
    return key if key.replace("_", "a").replace("-", "a").isalnum() else _value(key)
