"""Where a result comes from: versions, commit, date, machine and threads.

What goes into files that people share; so there is no path, user or host name in it.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brianbridge.version import __version__

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
        ``memory_gb``, ``processor``, ``platform``), ``threads`` (see `threads`) and the `extra`
        ones.

    Examples
    --------
    >>> facts = collect(seed=1)
    >>> sorted(facts)
    ['commit', 'date', 'machine', 'seed', 'threads', 'versions']
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
        "threads": threads(),
        **extra,
    }


def threads() -> dict[str, Any]:
    """Return how many threads compute now, which decides the order in which sums are added up.

    Returns
    -------
    dict
        JSON values. ``torch`` and ``numba`` (None where not imported, which these functions leave
        so), and ``blas``, a list with ``library``, ``version``, ``threads`` and the
        ``architecture`` it is tuned for (None where unknown) of each BLAS that is loaded.

    Examples
    --------
    >>> sorted(threads())
    ['blas', 'numba', 'torch']
    """
    from threadpoolctl import threadpool_info

    torch, numba = (sys.modules.get(name) for name in ("torch", "numba"))
    # Not the paths of the libraries: they name folders of this machine.
    blas = [
        {
            "library": entry["internal_api"],
            "version": entry["version"],
            "threads": entry["num_threads"],
            "architecture": entry.get("architecture"),
        }
        for entry in threadpool_info()
        if entry["user_api"] == "blas"
    ]
    return {
        "torch": None if torch is None else torch.get_num_threads(),
        # Not get_num_threads(), which starts them.
        "numba": None if numba is None else numba.config.NUMBA_NUM_THREADS,
        # SciPy and NumPy bring one each, often the same.
        "blas": [entry for number, entry in enumerate(blas) if entry not in blas[:number]],
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
