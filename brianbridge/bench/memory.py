"""How much memory this process takes, and took at most."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path

__all__ = ["give_back_memory", "peak_memory_mb", "resident_memory_mb"]


def resident_memory_mb() -> float | None:
    """Return the memory that this process takes now, in MB; None where the system cannot tell."""
    return _status("VmRSS")


def peak_memory_mb() -> float | None:
    """Return the most memory that this process took, in MB; None where the system cannot tell."""
    return _status("VmHWM")


def give_back_memory() -> None:
    """Give memory that is free back to the system, where the C library (glibc) can.

    Arrays of many sizes leave holes that glibc keeps: hundreds of MB after some hundred networks.

    Examples
    --------
    >>> give_back_memory()
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _status(entry: str) -> float | None:
    # What `getrusage` tells includes the peak of the parent that started this process.
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(rf"{entry}:\s+(\d+)", text)
    return round(int(found[1]) / 1024, 1) if found else None
