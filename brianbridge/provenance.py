"""Collect the provenance of a result: versions, commit, date, machine and threads.

It is written to files that people share, so it contains no paths, user names or host names.
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

#: The packages whose version can change a result.
PACKAGES = ("brian2", "torch", "numpy", "scipy", "h5py")


def collect(**extra: Any) -> dict[str, Any]:
    """Collect the facts that are needed to understand later how a result was computed.

    Parameters
    ----------
    **extra : JSON values
        Further entries: rule, seed, dataset, training curve.

    Returns
    -------
    dict
        JSON values. ``date`` (ISO 8601, UTC), ``versions`` (by package; None if not installed),
        ``commit`` (of brianbridge's source tree, with ``-dirty`` at its end if files were changed;
        None for an installed package), ``machine`` (usable ``cores``, ``memory_gb``,
        ``processor``, ``platform``), ``threads`` (see `threads`) and the `extra` entries.

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
    """Return the numbers of threads in use, on which the order of sums depends.

    Returns
    -------
    dict
        JSON values. ``torch`` and ``numba`` (None if they are not imported yet), and ``blas``, a
        list with ``library``, ``version``, ``threads`` and ``architecture`` (None if unknown) of
        each BLAS library that is loaded.

    Examples
    --------
    >>> sorted(threads())
    ['blas', 'numba', 'torch']
    """
    from threadpoolctl import threadpool_info

    torch, numba = (sys.modules.get(name) for name in ("torch", "numba"))
    # The paths of the libraries are left out: they name folders of this machine.
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
        # get_num_threads() would start the threads.
        "numba": None if numba is None else numba.config.NUMBA_NUM_THREADS,
        # SciPy and NumPy each have a BLAS, often the same.
        "blas": [entry for number, entry in enumerate(blas) if entry not in blas[:number]],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)  # does not import the package: torch would take seconds
    except PackageNotFoundError:
        return None


def _commit(tree: Path) -> str | None:
    """Return the commit of a source tree; None without a repository or without git."""
    # Git would also search the parent folders, and find a repository that contains the environment.
    if not (tree / ".git").exists():
        return None
    # `describe --dirty` would lock the index in any case, and leave the lock on a full disk.
    try:
        commit = _git(tree, "rev-parse", "HEAD")
        changed = _git(tree, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}-dirty" if changed else commit


def _git(tree: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(tree), *arguments]
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
