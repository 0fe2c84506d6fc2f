"""Preferences that affect results, sent to workers together with their work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brian2 import prefs

__all__ = ["set_settings", "settings"]

#: Preferences that affect the result of a task.
_PREFERENCES = ("brianbridge.memory", "codegen.target")


def settings() -> dict[str, Any]:
    """Return the preferences of this process that affect results."""
    return {name: prefs[name] for name in _PREFERENCES}


def set_settings(sent: Mapping[str, Any]) -> None:
    """Give this process the preferences of the one that sent them."""
    for name, value in sent.items():
        prefs[name] = value
