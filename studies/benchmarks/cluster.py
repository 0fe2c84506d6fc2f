"""Count the work of the default ladder, and simulate how workers share it.

    python studies/benchmarks/cluster.py [--samples 10000]

Times of single rungs are those in studies/results/ladders, which were measured in one process. The
simulation hands each task to the next free worker, in the order in which they are submitted.
Writing spikes takes the client 75 ns a spike (studies/results/spike_files.md). What Dask itself
needs is not part of it. Writes studies/results/cluster.json and .md.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brianbridge.io.networks.file import load_network
from brianbridge.ladder.tasks import shard_size

STUDIES = Path(__file__).parents[1]
RESULTS = STUDIES / "results"
NETWORKS = {
    "MLP": "fashion_mnist_spike_count_mlp",
    "CNN": "fashion_mnist_spike_count_cnn",
}
WORKERS = (1, 2, 4, 10, 30, 100)
#: Seconds that a task takes whatever its samples are, and that a spike takes to be written.
START, A_SPIKE = 0.2, 75e-9
#: Rungs as whose pairs of perturbations take as long, in the rung that has attribution.
PAIRS = ("dt/10", "dt/10", "parity")


@dataclass(frozen=True)
class Work:
    """Hold seconds for each image, by run; of the twin; and spikes for each image."""

    runs: tuple[float, ...]
    twin: float
    spikes: float


def work_of(name: str) -> Work:
    """Return what was measured."""
    verdict = json.loads((RESULTS / "ladders" / f"{name}.json").read_text())
    samples = verdict["dataset"]["samples"]
    seconds = {rung["name"]: rung["seconds"] / samples for rung in verdict["rungs"]}
    first = verdict["rungs"][0]
    runs = (*seconds.values(), *(seconds[pair] for pair in PAIRS))
    # Comparing with the twin and running it take about as long as simulating.
    return Work(runs, seconds["parity"] / 2, sum(first["spikes_per_sample"].values()))


def busy(work: Work, samples: int, size: int, workers: int, writes: str) -> tuple[float, float]:
    """Return seconds until the end, and the share of the workers' time that is work.

    Parameters
    ----------
    work : Work
        The work.
    samples, size : int
        Number of all samples, and of those of a task.
    workers : int
        Number of workers.
    writes : {"none", "client", "workers"}
        Who runs the twin and the first rung again, so that spikes are written: the client before
        all tasks begin, or workers, whose spikes the client writes while other tasks run.
    """
    sizes = [min(size, samples - low) for low in range(0, samples, size)]
    writing = 0.0 if writes == "none" else A_SPIKE * work.spikes * samples
    free, start = [0.0] * workers, 0.0
    twins = [spend(free, 0.0, START + n * work.twin) for n in sizes]
    if writes == "client":
        start = max(twins) + samples * (work.twin + work.runs[0]) + writing
        free = [max(time, start) for time in free]
        heapq.heapify(free)
    runs = work.runs[1:] if writes == "client" else work.runs
    tasks = [(twin, START + n * run) for run in runs for n, twin in zip(sizes, twins, strict=True)]
    ended = [spend(free, twin, seconds) for twin, seconds in tasks]
    written = 0.0
    if writes == "workers":  # in order, while other tasks run
        for n, end in zip(sizes, ended, strict=False):
            written = max(written, end) + A_SPIKE * work.spikes * n
    end = max(*ended, written)
    useful = samples * (work.twin + sum(work.runs))
    return end, useful / (workers * end)


def spend(free: list[float], ready: float, seconds: float) -> float:
    """Give a task to the worker that is free first; return when it ends."""
    end = max(heapq.heappop(free), ready) + seconds
    heapq.heappush(free, end)
    return end


def measure(samples: int) -> dict[str, Any]:
    """Return the counts and the simulated times of both networks."""
    found: dict[str, Any] = {}
    for label, name in NETWORKS.items():
        work, network = work_of(name), load_network(STUDIES / "trained" / f"{name}.h5")
        size = shard_size(network, shared=True)
        ways = {
            "before, spikes written": (2_500, "client"),
            "before, no spikes": (2_500, "none"),
            "now, spikes written": (size, "workers"),
            "now, no spikes": (size, "none"),
        }
        tasks = sorted(START + size * run for run in work.runs)
        found[label] = {
            "samples in a task": size,
            "tasks": len(work.runs) * -(-samples // size),
            "seconds of a task": [tasks[0], tasks[len(tasks) // 2], tasks[-1]],
            "seconds of all work": samples * (work.twin + sum(work.runs)),
            "megabytes of samples": samples * 784 * 4 / 1e6,
            "ways": {
                way: {n: busy(work, samples, of, n, writes) for n in WORKERS}
                for way, (of, writes) in ways.items()
            },
        }
    return found


def as_text(found: dict[str, Any], samples: int) -> str:
    """Return the page."""
    lines = [
        "# Sharing out the default ladder", "",
        f"`python studies/benchmarks/cluster.py --samples {samples}`. Counted, and simulated from "
        "the times of single rungs; not measured on a cluster. A cell has the seconds until the "
        "end, and the share of the workers' time that is work.",
    ]  # fmt: skip
    for label, one in found.items():
        shortest, middle, longest = one["seconds of a task"]
        lines += [
            "", f"## {label}", "",
            f"{one['tasks']} tasks of {one['samples in a task']} images, which take "
            f"{shortest:.1f} to {longest:.1f} s, half of them less than {middle:.1f} s; "
            f"{one['seconds of all work']:.0f} s in all.", "",
            row(["workers", *WORKERS]), row(["---"] * (len(WORKERS) + 1)),
        ]  # fmt: skip
        for way, cells in one["ways"].items():
            lines.append(
                row([way, *(f"{end:.0f} s, {100 * u:.0f} %" for end, u in cells.values())])
            )
    return "\n".join(lines) + "\n"


def row(cells: Sequence[Any]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    count = parser.parse_args().samples
    result = measure(count)
    (RESULTS / "cluster.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "cluster.md").write_text(as_text(result, count))
