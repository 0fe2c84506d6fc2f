"""The Brian2 preference ``brianbridge.memory``: memory that a file or a simulation may use.

If nothing sets it, it is up to a quarter of the memory of the machine or its container. Importing
this module registers the preference, and the package does so as soon as Brian2 is imported too. The
file ``brian_preferences`` cannot set it:
Brian2 reads that file when it is imported, and refuses a category that is not registered yet. The
environment variable ``BRIANBRIDGE_MEMORY`` sets the preference for the command line.
"""

from __future__ import annotations

import math
import os

from brian2 import prefs
from brian2.core.preferences import BrianPreference

from brianbridge.errors import InputError
from brianbridge.machine import memory_of_machine

__all__ = ["how_to_raise", "memory_budget"]

_VARIABLE = "BRIANBRIDGE_MEMORY"
#: An example for messages.
_MEGABYTES = 256.0
#: Share of the machine's memory that is taken if nothing is set.
_SHARE = 0.25


def _is_memory(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12


def _default() -> float:
    """Return a share of the machine's memory, rounded down so that like machines agree."""
    return float(2 ** math.floor(math.log2(_SHARE * memory_of_machine() / 1e6)))


def _at_start() -> float:
    """Return the value of the environment variable, or the default."""
    text = os.environ.get(_VARIABLE, "")
    try:
        value = float(text) if text else _default()
    except ValueError:
        value = 0.0
    if not _is_memory(value):
        raise InputError(f"{_VARIABLE} = {text!r}; give megabytes, such as {_MEGABYTES:g}")
    return value


prefs.register_preferences(
    "brianbridge",
    "Preferences of brianbridge",
    memory=BrianPreference(
        default=_at_start(),
        docs="Memory, in megabytes, that a file may use when it is read, or a chunk of samples in "
        "a simulation. The spikes of the twin may use as much again while runs are compared with "
        "it.",
        validator=_is_memory,
    ),
)


def memory_budget() -> float:
    """Return ``prefs.brianbridge.memory``, in bytes."""
    return float(prefs["brianbridge.memory"]) * 1e6


def how_to_raise(needed: float) -> str:
    """Say how to raise the memory budget to `needed` bytes.

    Examples
    --------
    >>> how_to_raise(999.5e6)
    'set brian2.prefs.brianbridge.memory = 1000, or in the shell BRIANBRIDGE_MEMORY=1000'
    """
    megabytes = int(needed // 1e6) + 1
    setting = f"set brian2.prefs.brianbridge.memory = {megabytes}"
    return f"{setting}, or in the shell {_VARIABLE}={megabytes}"
