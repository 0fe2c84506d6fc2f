"""How much memory this machine has, or the container that the process runs in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

__all__ = ["memory_of_machine"]

#: Bytes that are assumed if the system does not say.
_UNKNOWN = 1e9


def memory_of_machine(root: Path = Path("/")) -> float:
    """Return the memory of the machine or the limit of its container, in bytes.

    Parameters
    ----------
    root : pathlib.Path
        The folder in which ``sys`` and ``proc`` are.

    Examples
    --------
    >>> memory_of_machine() > 1e8
    True
    """
    found = list(_limits(root))
    with suppress(AttributeError, OSError, ValueError):  # systems without these names
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return float(min((limit for limit in found if limit > 0), default=_UNKNOWN))


def _limits(root: Path) -> Iterator[float]:
    """Yield the limits of all control groups that this process is in, of versions 1 and 2."""
    base = root / "sys/fs/cgroup"
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, kinds, path = group.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        name = "memory.limit_in_bytes" if kinds else "memory.max"
        top = base / "memory" if kinds else base
        # A container often sees its own group as the top.
        inner = PurePosixPath(path.lstrip("/"))
        for folder in (inner, *inner.parents):
            with suppress(OSError, ValueError):  # "max" stands for no limit
                yield float(int((top / folder / name).read_text()))
