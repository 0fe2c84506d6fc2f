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

#: Shares of active neurons whose costs are measured, and how often. Silence is no measure of the
#: cost of few events, as it is found early.
_FEW, _MANY, _ROUNDS = 0.05, 0.25, 4


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
        few, many, dense = _seconds(lambda: events(_FEW), lambda: events(_MANY), product)
        each = max(many - few, 1e-9) / (_MANY - _FEW)
        known[full] = min(max(0.0, _FEW + (dense - few) / each), 1.0)
        _write(known)
    return known[full]


def _seconds(*works: Callable[[], object]) -> list[float]:
    """Return the shortest time of some runs of each; an extra first run may compile."""
    times: list[list[float]] = [[] for _ in works]
    # They take turns, so that a busy machine slows all of them.
    for _ in range(_ROUNDS + 1):
        for work, taken in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    return [min(taken[1:]) for taken in times]


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
