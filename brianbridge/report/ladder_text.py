"""A ladder file from the rungs of a verdict, so that they can be climbed again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from brianbridge.ladder.verdict import RungOutcome

__all__ = ["ladder_text"]

#: What the verdict calls a remedy, and what a ladder file does, with its options.
_REMEDIES = {
    "calibrated": ("calibrate", ("of", "samples")),
    "fine_tuned": ("fine_tune", ("start", "samples", "epochs", "batch_size", "learning_rate")),
}


def ladder_text(rungs: Iterable[RungOutcome]) -> str:
    """Return the text of a ladder file with these rungs; those that were left out are not there.

    Parameters
    ----------
    rungs : iterable of RungOutcome
        What ran.
    """
    return "\n".join(_rung(rung) for rung in rungs)


def _rung(rung: RungOutcome) -> str:
    lines = ["[[rung]]", f"name = {_value(rung.name)}"]
    if rung.runs > 1:
        lines.append(f"repeats = {rung.runs}")
    if rung.attribution is not None:
        lines.append("attribute = true")
    # A file cannot say "no limit" where there is a default; a drop of 1 is none.
    limits = {"max_accuracy_drop": 1.0} | {
        k: v for k, v in rung.tolerances.items() if v is not None
    }
    lines += [f"{key} = {_value(v)}" for key, v in limits.items()]
    lines += [f"perturb.{key} = {_value(v)}" for key, v in rung.perturbations.items()]
    for how, found in (rung.remedies or {}).items():
        name, keys = _REMEDIES[how]
        lines.append(f"remedy.{name} = {_value({key: found[key] for key in keys})}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """Return a value as TOML has it; its strings, numbers and lists are JSON's."""
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
