"""Measure how time and memory of a step of training grow with steps, width and batch.

Time is counted for each sample, step and weight. Steps of training are those of the network ``mlp``
of `brianbridge.bench.training_tasks`, smaller in all but the size that grows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from brianbridge.bench.fresh_process import in_fresh_process
from brianbridge.bench.learners import learner_of
from brianbridge.bench.peak import peak_of_step_mb
from brianbridge.bench.training_tasks import Setup, setup_of, task_of
from brianbridge.provenance import collect
from brianbridge.rules.choice import rules_for

__all__ = ["GROWTH", "bench_train_growth"]

#: The values of each size, and what is fixed beside it.
GROWTH: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "steps": ((10, 40, 160, 640, 1_000), {"batch": 16, "width": 400}),
    "width": ((100, 300, 1_000, 3_000), {"batch": 32}),
    "batch": ((8, 32, 128, 512), {"width": 400}),
}


def bench_train_growth(
    *, repeats: int = 3, seed: int = 1, report: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure a step of training by our rules at sizes that grow.

    Parameters
    ----------
    repeats : int
        Number of steps of which the time is the median; one more is not counted.
    seed : int
        Seed of weights, spikes and labels.
    report : callable
        Called with one line for each result.

    Returns
    -------
    dict
        The results, ready for JSON: for each size its value, and for each rule milliseconds,
        picoseconds for each sample, step and weight, and peak memory.
    """
    growth = {}
    for over, (values, fixed) in GROWTH.items():
        rows = []
        for value in values:
            setup = setup_of("mlp", seed=seed, **fixed, **{over: value})
            for row in _rows(setup, repeats):
                rows.append({over: value, **row})
                report(_line(over, rows[-1]))
        growth[over] = rows
    return {"growth": growth, "repeats": repeats, "provenance": collect(seed=seed)}


def _rows(setup: Setup, repeats: int) -> list[dict[str, Any]]:
    task = task_of(setup)
    weights = sum(p.weight.size for p in task.network.projections)
    rows = []
    for rule in rules_for(task.network):
        learner, times = learner_of(rule, task), []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            learner.step()
            times.append(time.perf_counter() - started)
        seconds = float(np.median(times[1:]))
        rows.append(
            {
                "rule": rule,
                "ms": 1e3 * seconds,
                "ps_per_weight": 1e12 * seconds / (setup.steps * setup.batch * weights),
                "peak_mb": in_fresh_process(peak_of_step_mb, setup, rule),
            }
        )
    return rows


def _line(over: str, row: dict[str, Any]) -> str:
    peak = "" if row["peak_mb"] is None else f", {row['peak_mb']:.0f} MB"
    return (
        f"{over} {row[over]:5}  {row['rule']:20} {row['ms']:9.1f} ms, "
        f"{row['ps_per_weight']:7.1f} ps for each sample, step and weight{peak}"
    )


def growth_as_markdown(result: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    from brianbridge.bench.report import machine_and_versions

    provenance = result["provenance"]
    lines = [
        "# How a step of training grows",
        "",
        f"`{provenance.get('command', 'brianbridge bench train --growth')}`, "
        f"{machine_and_versions(provenance)}.",
        "",
        "A step of network 784-width-width-10, median of "
        f"{result['repeats']}. Peak memory as in `bench train`: above what the process held.",
    ]
    for over, rows in result["growth"].items():
        fixed = ", ".join(f"{name} {value}" for name, value in GROWTH[over][1].items())
        lines += ["", f"## {over.capitalize()} ({fixed})", ""]
        lines += [f"| {over} | rule | ms | ps a sample, step and weight | peak memory (MB) |"]
        lines += ["|---|---|---|---|---|"]
        for row in rows:
            peak = "" if row["peak_mb"] is None else f"{row['peak_mb']:.0f}"
            lines.append(
                f"| {row[over]:,} | `{row['rule']}` | {row['ms']:.1f} | "
                f"{row['ps_per_weight']:.1f} | {peak} |"
            )
    return "\n".join(lines) + "\n"
