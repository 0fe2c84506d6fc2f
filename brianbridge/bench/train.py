"""``brianbridge bench train``: the time and memory of a step of training, beside other frameworks.

In one process all contestants take turns, so that other load on the machine slows all of them. The
peak memory is measured in a fresh process for each. The benchmark ends with an error if our output
or our gradient is not that of the definition, differentiated by torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from brianbridge.bench.differing import DifferentSpikesError
from brianbridge.bench.fresh_process import in_fresh_process
from brianbridge.bench.learners import DEFINITION, Learner, contestants_of, learner_of
from brianbridge.bench.peak import peak_of_step_mb
from brianbridge.bench.peers import PEERS
from brianbridge.bench.training_tasks import SHAPES, Setup, Task, setup_of, task_of
from brianbridge.provenance import collect
from brianbridge.twin.network import to_torch

__all__ = ["SWEEPS", "bench_train"]

Row = dict[str, Any]
Report = Callable[[str], None]

#: The samples of an epoch.
_EPOCH = 60_000
#: The rule whose gradient is that of the definition.
_EXACT = "surrogate_gradient"
#: Largest difference of gradients, relative to the largest element, by type.
_TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
#: The values of each sweep.
SWEEPS: dict[str, tuple[float, ...]] = {
    "activity": (0.01, 0.05, 0.13, 0.25, 0.5),
    "steps": (1, 4, 10, 40, 100),
    "width": (100, 400, 800, 1_600),
    "batch": (8, 32, 128, 512),
}


def bench_train(
    shapes: Sequence[str] = ("mlp",),
    *,
    peers: Sequence[str] = (),
    sweep: str | None = None,
    repeats: int = 12,
    memory: bool = True,
    seed: int = 1,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Measure a step of training: forward, backward and optimiser.

    Parameters
    ----------
    shapes : sequence of str
        Names of networks, in `SHAPES`.
    peers : sequence of str
        Names of frameworks, in `PEERS`; they must be installed.
    sweep : str, optional
        A key of `SWEEPS`: measure each network at these values, too.
    repeats : int
        Number of rounds in which each contestant takes a step; two more are not counted.
    memory : bool
        Whether to measure the peak memory.
    seed : int
        Seed of weights, spikes and labels.
    report : callable
        Called with one line for each result.

    Returns
    -------
    dict
        The results, ready for JSON.

    Raises
    ------
    DifferentSpikesError
        If our output or gradient is not that of the definition.

    Examples
    --------
    >>> result = bench_train(["small"], repeats=1, memory=False)
    >>> [row["name"] for row in result["tables"][0]["rows"]][:2]
    ['ANN', 'definition']
    """
    setups = [setup_of(shape, seed=seed) for shape in shapes]
    if sweep is not None:
        setups = [
            setup_of(s.shape, seed=seed, **{sweep: type(getattr(s, sweep))(value)})
            for s in setups
            for value in SWEEPS[sweep]
        ]
    tables = [_table(setup, peers, repeats, memory, report) for setup in setups]
    provenance = collect(seed=seed)
    provenance["versions"] |= {name: version(name) for name in peers}
    return {
        "tables": tables, "sweep": sweep, "repeats": repeats, "peers": list(peers),
        "provenance": provenance,
    }  # fmt: skip


def _table(
    setup: Setup, peers: Sequence[str], repeats: int, memory: bool, report: Report
) -> dict[str, Any]:
    """Return the rows of one task."""
    task = task_of(setup)
    names = contestants_of(task, peers)
    text = SHAPES[setup.shape].text.format(width=setup.width)
    hidden = hidden_activity(task)
    report(
        f"{text}: T = {setup.steps}, batch {setup.batch}, {100 * setup.activity:g} % of the input "
        f"and {100 * hidden:.1f} % of the hidden neurons fire in a step"
    )
    differences = _differences(task, [n for n in names if n == _EXACT or _same(n)])
    times = _times({name: learner_of(name, task) for name in names}, repeats)
    fastest = min((n for n in names if n in PEERS), key=lambda n: np.median(times[n]), default=None)
    rows = []
    for name in names:
        milliseconds = 1e3 * float(np.median(times[name]))
        row: Row = {
            "name": name,
            "ms": milliseconds,
            "epoch_s": milliseconds / 1e3 * _EPOCH / setup.batch,
            "peak_mb": in_fresh_process(peak_of_step_mb, setup, name) if memory else None,
            "times_fastest_peer": None,
            "difference": differences.get(name),
        }
        if fastest is not None:
            # Within a round, the load on the machine is nearly the same.
            row["times_fastest_peer"] = float(np.median(times[fastest] / times[name]))
        rows.append(row)
        report(line_of(row))
    return {
        "setup": asdict(setup), "text": text, "hidden_activity": hidden, "fastest_peer": fastest,
        "rows": rows,
    }  # fmt: skip


def _same(name: str) -> bool:
    return name in PEERS and PEERS[name].same


def line_of(row: Row) -> str:
    """Return a row as a line of text."""
    parts = [f"  {row['name']:20} {row['ms']:8.1f} ms"]
    if row["peak_mb"] is not None:
        parts.append(f"{row['peak_mb']:7.0f} MB")
    if row["times_fastest_peer"] is not None:
        parts.append(f"{row['times_fastest_peer']:5.2f} times as fast as the fastest peer")
    return ", ".join(parts)


def hidden_activity(task: Task) -> float:
    """Return the share of steps in which a hidden neuron fires."""
    twin = to_torch(task.network)
    with torch.no_grad():
        spikes = twin.run(*twin.as_tensors(task.encoded)).spikes
    hidden = [p.name for p in task.network.populations[:-1]]
    return sum(float(spikes[n].sum()) for n in hidden) / sum(spikes[n].numel() for n in hidden)


def _differences(task: Task, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return how much gradients differ from the definition's, by contestant and type."""
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    for dtype, tolerance in _TOLERANCES.items():
        output, wanted = learner_of(DEFINITION, task, dtype).gradients()
        for name in names:
            if name in PEERS and dtype is torch.float64:
                continue  # frameworks have states of their own types
            ours, gradients = learner_of(name, task, dtype).gradients()
            largest = max(
                float((gradients[key] - wanted[key]).abs().max() / wanted[key].abs().max())
                for key in wanted
            )
            found[name][str(dtype).removeprefix("torch.")] = largest
            counts = int((ours != output).sum())
            if name == _EXACT and (counts or largest > tolerance):
                raise DifferentSpikesError(
                    f"'{name}' and the definition differ in {counts} output counts, and by "
                    f"{largest:.2g} of the largest gradient in {dtype}; at most {tolerance:g} is "
                    "rounding"
                )
    return found


def _times(learners: dict[str, Learner], repeats: int) -> dict[str, np.ndarray]:
    """Return the seconds of steps that contestants take in turns."""
    times: dict[str, list[float]] = {name: [] for name in learners}
    for _ in range(repeats + 2):
        for name, learner in learners.items():
            started = time.perf_counter()
            learner.step()
            times[name].append(time.perf_counter() - started)
    return {name: np.array(values[2:]) for name, values in times.items()}
