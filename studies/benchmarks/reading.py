"""Measure how long it takes, and how much memory, to read 10^7 synapses of a Brian2 user.

    python studies/benchmarks/reading.py [--synapses 10000000]

A `Synapses` object connects a `PoissonGroup` with as many neurons. Its arrays are the two ends of
each synapse in 32 bits and the weight in 64. Each case is read in a fresh process, once without
warming up. The memory is the most that the process held while it read, less what it held before.
It should take less than 10 seconds, and at most 4 times the arrays. Linux only.
Writes studies/results/reading.json and .md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms

import brianbridge as bb
from brianbridge.bench.memory import give_back_memory, peak_memory_mb, resident_memory_mb
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
SECONDS, TIMES = 10.0, 4.0
CASES = ("in order", "in random order")


def measured(case: str, number: int) -> dict[str, Any]:
    """Build the synapses in this process, read them, and return what it took."""
    neurons = round((10 * number) ** 0.5)
    pixels = PoissonGroup(neurons, rates=10 * Hz, name="pixels")
    cells = NeuronGroup(
        neurons, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact",
        name="cells",
    )  # fmt: skip
    wires = Synapses(pixels, cells, "w : 1", on_pre="v_post += w", name="wires")
    draw = np.random.default_rng(0)
    source, target = draw.integers(0, neurons, (2, number), dtype=np.int32)
    if case == "in order":
        source = np.sort(source)
    wires.connect(i=source, j=target)
    wires.w = draw.standard_normal(number)
    mine = Network(pixels, cells, wires)
    del source, target
    give_back_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, started = resident_memory_mb(), time.perf_counter()
    net = bb.from_brian2(mine, steps=10 * ms, input="pixels")
    seconds = time.perf_counter() - started
    peak = peak_memory_mb()
    if before is None or peak is None:
        raise SystemExit("memory is measured on Linux only")
    assert net.projections[0].weight.size == number
    arrays = 16 * number / 2**20
    return {
        "case": case, "synapses": number, "seconds": seconds, "arrays_mb": arrays,
        "peak_mb": peak - before, "times": (peak - before) / arrays,
    }  # fmt: skip


def main() -> None:
    """Measure each case in a process of its own, and write the results."""
    parser = argparse.ArgumentParser(description="Read 10^7 synapses.")
    parser.add_argument("--synapses", type=int, default=10_000_000)
    parser.add_argument("--case", choices=CASES, help="measure one case in this process")
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measured(given.case, given.synapses)))
        return
    options = [__file__, "--synapses", str(given.synapses)]
    rows = []
    for case in CASES:
        run = subprocess.run(
            [sys.executable, *options, "--case", case], check=True, capture_output=True, text=True
        )
        rows.append(json.loads(run.stdout.splitlines()[-1]))
    written = {
        "command": f"python studies/benchmarks/reading.py --synapses {given.synapses}",
        "rows": rows, "bounds": {"seconds": SECONDS, "times": TIMES},
        "provenance": collect(seed=0),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "reading.json").write_text(json.dumps(written, indent=2) + "\n")
    (RESULTS / "reading.md").write_text(table(written))
    print(table(written))


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    provenance = written["provenance"]
    lines = [
        "# Reading many synapses", "",
        f"Written by `{written['command']}`, {provenance['date'][:10]}, brian2 "
        f"{provenance['versions']['brian2']}, {provenance['machine']['cores']} cores, "
        f"{provenance['machine']['processor']}. `bb.from_brian2` in a fresh process; memory beyond "
        "what the process held before.", "",
        "| synapses | by source | seconds | their arrays (MB) | most memory (MB) | times arrays |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in written["rows"]:
        lines.append(
            f"| {row['synapses']:,} | {row['case']} | {row['seconds']:.1f} | "
            f"{row['arrays_mb']:.0f} | {row['peak_mb']:.0f} | {row['times']:.2f} |"
        )
    kept = all(row["seconds"] < SECONDS and row["times"] <= TIMES for row in written["rows"])
    lines += ["", f"Bounds: {SECONDS:g} seconds and {TIMES:g} times; "
              f"{'both hold' if kept else 'not kept'}."]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
