"""Measure, once per machine, above which activity a dense product is faster than events.

Results are kept in ``$XDG_CACHE_HOME/brianbridge/costs.json``, so that every run makes the same
choice: the two ways add in different orders, and may differ in the last bit.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numba
import numpy as np
from threadpoolctl import threadpool_info

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole

__all__ = ["crossover"]

_DENSITY = 0.1


def crossover(key: str, events: Callable[[float], None], product: Callable[[], object]) -> float:
    """Return the share of active neurons above which the product is cheaper.

    Parameters
    ----------
    key : str
        Name of the comparison. Together with processor, threads and versions it names the result.
    events : callable
        Adds the events of a given share of neurons.
    product : callable
        Multiplies densely, whatever the activity.

    Examples
    --------
    >>> crossover("an example", lambda density: None, lambda: time.sleep(1e-3)) > 0
    True
    """
    known = _read()
    full = f"{key} | {_machine()}"
    if full not in known:
        idle = _seconds(lambda: events(0.0))
        busy = max(_seconds(lambda: events(_DENSITY)) - idle, 1e-9)
        known[full] = max(0.0, (_seconds(product) - idle) / busy * _DENSITY)
        _write(known)
    return known[full]


def _seconds(work: Callable[[], object]) -> float:
    """Return the shortest time of some runs; an extra first run may compile."""
    work()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _machine() -> str:
    blas = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    threads = max(blas, default=1)
    return f"{_processor()}, {threads} threads, numba {numba.__version__}, NumPy {np.__version__}"


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file() -> Path:
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError:  # the user has no home folder
        folder = Path(os.devnull)  # not a folder: nothing can be read or written there
    return folder / "brianbridge" / "costs.json"


_measured: dict[Path, dict[str, float]] = {}


def _read() -> dict[str, float]:
    path = _file()
    if path not in _measured:
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            found = {}
        costs = found.items() if isinstance(found, dict) else ()
        _measured[path] = {key: float(cost) for key, cost in costs if _is_cost(cost)}
    return _measured[path]


def _is_cost(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0


def _write(costs: dict[str, float]) -> None:
    """Keep the costs; if nothing can be written, every process measures them anew."""
    with suppress(InputError):
        write_whole(_file(), json.dumps(costs, indent=1, sort_keys=True) + "\n")
