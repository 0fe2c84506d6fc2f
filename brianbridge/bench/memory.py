"""Measure the memory of this process, and of a process that simulates."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.io.networks.file import save_network
from brianbridge.network import SpikingNetwork

__all__ = [
    "added_peak_mb", "give_back_memory", "peak_memory_mb", "peak_memory_of_simulation_mb",
    "resident_memory_mb",
]  # fmt: skip


def resident_memory_mb() -> float | None:
    """Return the memory of this process, in MB; None if the system does not report it."""
    return _status("VmRSS")


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process, in MB; None if the system does not report it."""
    return _status("VmHWM")


def added_peak_mb(work: Callable[[], Any]) -> float | None:
    """Return the peak memory of some work above what this process held before it, in MB.

    Parameters
    ----------
    work : callable
        The work.

    Returns
    -------
    float or None
        None if the system cannot reset the peak (only Linux can).
    """
    give_back_memory()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM
    except OSError:
        return None
    before = resident_memory_mb()
    work()
    peak = peak_memory_mb()
    return None if peak is None or before is None else peak - before


def give_back_memory() -> None:
    """Return free memory to the system, if the C library can (glibc).

    Arrays of many sizes leave gaps that glibc keeps: hundreds of MB after some hundred networks.

    Examples
    --------
    >>> give_back_memory()
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _status(entry: str) -> float | None:
    # `getrusage` would include the peak of the parent process.
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(rf"{entry}:\s+(\d+)", text)
    return round(int(found[1]) / 1024, 1) if found else None


_PROGRAM = """
import re, sys
import numpy as np
import brianbridge as bb
network, x = bb.load_network(sys.argv[1] + "/network.h5"), np.load(sys.argv[1] + "/x.npy")
bb.simulate(network, x[np.arange(int(sys.argv[2])) % len(x)], keep=False)
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)
"""


def peak_memory_of_simulation_mb(network: SpikingNetwork, x: np.ndarray, samples: int) -> float:
    """Return the peak memory of a process that only simulates, in MB.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    x : numpy.ndarray, shape (n, *shape)
        Samples, repeated if there are too few.
    samples : int
        Number of samples to simulate.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_network(network, Path(folder) / "network.h5")
        np.save(f"{folder}/x.npy", x)
        command = [sys.executable, "-c", _PROGRAM, folder, str(samples)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
