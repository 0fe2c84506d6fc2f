"""Where a result comes from: versions, commit, date and machine.

What goes into files that people share; so there is no path, user or host name in it.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import __version__

__all__ = ["collect"]

#: The packages that can change a number.
PACKAGES = ("brian2", "torch", "numpy", "scipy", "h5py")


def collect(**extra: Any) -> dict[str, Any]:
    """Collect what is needed to tell later how a result came about.

    Parameters
    ----------
    **extra : JSON values
        Further entries: rule, seed, dataset, training curve.

    Returns
    -------
    dict
        JSON values. ``date`` (ISO 8601, UTC), ``versions`` (by package; None where not
        installed), ``commit`` (of brianbridge's source tree, ending in ``-dirty`` if files were
        changed; None for an installed package), ``machine`` (``cores`` that may be used,
        ``memory_gb``, ``processor``, ``platform``) and the `extra` ones.

    Examples
    --------
    >>> facts = collect(seed=1)
    >>> sorted(facts)
    ['commit', 'date', 'machine', 'seed', 'versions']
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "brianbridge": __version__,
            "python": platform.python_version(),
            **{package: _version(package) for package in PACKAGES},
        },
        "commit": _commit(Path(__file__).resolve().parent.parent),
        "machine": {
            "cores": _cores(),
            "memory_gb": _memory_gb(),
            "processor": _processor(),
            "platform": platform.platform(),
        },
        **extra,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)  # without importing it, which takes seconds for torch
    except PackageNotFoundError:
        return None


def _commit(tree: Path) -> str | None:
    """Return the commit of a source tree; None where there is no repository or no git."""
    # Git would look in the parents too: an environment inside some repository is not that one.
    if not (tree / ".git").exists():
        return None
    # Not `describe --dirty`: it locks the index all the same, and leaves that lock on a full disk.
    try:
        commit = _git(tree, "rev-parse", "HEAD")
        changed = _git(tree, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}-dirty" if changed else commit


def _git(tree: Path, *words: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(tree), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None  # Windows has no sysconf


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
