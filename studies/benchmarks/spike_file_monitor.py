"""Measure what it costs to stream the spikes of a Brian2 simulation to a file.

    python studies/benchmarks/spike_file_monitor.py [--minutes 30] [--rounds 3]

1,000 leaky neurons with noise fire at about 10 Hz for 30 minutes of simulated time, in steps of
0.5 ms; Brian2's `SpikeMonitor` or `SpikeFileMonitor` records them, each in a fresh process, in
turns. Memory is what the process holds, each simulated minute. `SpikeFileMonitor` should hold its
memory flat, and cost at most 5 % more: of processor time, as others may use the machine. Linux
only. Writes studies/results/spike_file_monitor.json and .md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Network, NetworkOperation, NeuronGroup, SpikeMonitor, ms, second, seed

import brianbridge as bb
from brianbridge.bench.memory import resident_memory_mb
from brianbridge.io.atomic import write_whole
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
COST, GROWTH_MB = 1.05, 10.0
KINDS = ("SpikeMonitor", "SpikeFileMonitor")


def measured(kind: str, minutes: float) -> dict[str, Any]:
    """Simulate in this process, and return time, memory and the number of spikes."""
    seed(0)
    cells = NeuronGroup(
        1000, "dv/dt = (0.7 - v)/(10*ms) + 0.2*xi*(5*ms)**-0.5 : 1", threshold="v > 1",
        reset="v = 0", method="euler", dt=0.5 * ms, name="cells",
    )  # fmt: skip
    net = Network(cells)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spikes.h5"
        monitor = (
            SpikeMonitor(cells) if kind == "SpikeMonitor" else bb.SpikeFileMonitor(cells, path)
        )
        net.add(monitor)
        memory: list[float] = []
        net.add(
            NetworkOperation(lambda: memory.append(resident_memory_mb() or 0.0), dt=60 * second)
        )
        net.run(100 * ms)  # compiles
        started, used = time.perf_counter(), time.process_time()
        net.run(60 * minutes * second)
        if kind == "SpikeFileMonitor":
            monitor.close()
        seconds, used = time.perf_counter() - started, time.process_time() - used
        spikes = int(np.sum(monitor.count[:]))
        if kind == "SpikeFileMonitor":
            assert bb.read_spikes(path).populations["cells"].spikes == spikes
        size = path.stat().st_size / 1e6 if path.exists() else None
    return {
        "seconds": seconds,
        "cpu_seconds": used,
        "memory_mb": memory,
        "spikes": spikes,
        "file_mb": size,
    }


def in_a_process(kind: str, minutes: float) -> dict[str, Any]:
    """Return what a fresh process measures."""
    command = [sys.executable, __file__, "--kind", kind, "--minutes", str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def row_of(kind: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise the runs of one monitor; memory counts from the second minute on."""
    growth = max(run["memory_mb"][-1] - run["memory_mb"][1] for run in runs)
    return {
        "monitor": kind,
        "seconds": min(run["seconds"] for run in runs),
        "cpu_seconds": min(run["cpu_seconds"] for run in runs),
        "memory_growth_mb": growth,
        "spikes": runs[0]["spikes"],
        "file_mb": runs[0]["file_mb"],
        "runs": runs,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| monitor | seconds | processor seconds | memory grows by, MB | spikes | file, MB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        size = "" if row["file_mb"] is None else f"{row['file_mb']:.1f}"
        lines.append(
            f"| {row['monitor']} | {row['seconds']:.1f} | {row['cpu_seconds']:.1f} "
            f"| {row['memory_growth_mb']:.1f} | {row['spikes']:,} | {size} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, help="only this, in this process")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.kind:
        print(json.dumps(measured(options.kind, options.minutes)))
        return 0
    runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind in KINDS:
            runs[kind].append(in_a_process(kind, options.minutes))
    rows = [row_of(kind, of) for kind, of in runs.items()]
    plain, ours = rows[0], rows[1]
    cost = ours["seconds"] / plain["seconds"]
    work = ours["cpu_seconds"] / plain["cpu_seconds"]
    good = work <= COST and ours["memory_growth_mb"] <= GROWTH_MB
    text = (
        f"# Streaming {options.minutes:g} simulated minutes of spikes\n\n{table(rows)}\n\n"
        f"`SpikeFileMonitor` takes {cost:.3f} times as long as `SpikeMonitor` (best of "
        f"{options.rounds}), and {work:.3f} times the processor.\n"
    )
    print(text)
    result = {"minutes": options.minutes, "cost": cost, "work": work, "good": good, "rows": rows}
    write_whole(
        RESULTS / "spike_file_monitor.json",
        json.dumps({**result, "provenance": collect()}, indent=1) + "\n",
    )
    write_whole(RESULTS / "spike_file_monitor.md", text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
