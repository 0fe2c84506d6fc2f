"""Compare one worker of this machine with two and four: a verification, and a sweep of studies.

    python studies/benchmarks/workers.py [--samples 10000] [--rounds 3]

The verification is that of 784-800-10 on the default ladder, the sweep has 12 trials on 5,000
digits. Each is a command in a fresh process; its time includes the start of the workers. Cold
means with empty caches of numba and brianbridge. The numbers of workers take turns. Writes
studies/results/workers.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from brianbridge.bench.report import machine_and_versions
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
WORKERS = (1, 2, 4)
COMMANDS: dict[str, tuple[str, ...]] = {
    "verification": (
        "verify", "fashion_mnist_spike_count_mlp", "--data", "fashion_mnist",
        "--ladder", "default", "--spikes", "none",
    ),
    "sweep": (
        "study", "sweep", "mnist_5k_spike_count_mlp", "--seeds", "2",
        "--over", "training.learning_rate=1e-3,2e-3,4e-3",
        "--over", "network.layers.0.units=200,400",
    ),
}  # fmt: skip
#: Commands that end with one of these have a result; 1 and 3 are verdicts that did not hold.
RAN = (0, 1, 3)


def seconds(command: tuple[str, ...], workers: int, caches: Path | None) -> float:
    """Return how long a command takes with some workers, whose caches may be elsewhere."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if caches is not None:
        environment |= {"XDG_CACHE_HOME": str(caches), "NUMBA_CACHE_DIR": str(caches / "numba")}
    with tempfile.TemporaryDirectory() as out:
        line = [sys.executable, "-m", "brianbridge", *command, "--workers", str(workers)]
        started = time.perf_counter()
        ran = subprocess.run(
            [*line, "--out", out], env=environment, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - started
    if ran.returncode not in RAN:
        raise RuntimeError(f"{' '.join(line)} ended with {ran.returncode}: {ran.stderr[-2000:]}")
    return took


def measure(samples: int, rounds: int) -> dict[str, Any]:
    """Return the times of all commands: one of each with cold caches, the others warm."""
    found: dict[str, Any] = {}
    for name, command in COMMANDS.items():
        full = (*command, "--samples", str(samples)) if name == "verification" else command
        times: dict[str, list[float]] = {str(n): [] for n in WORKERS}
        cold = {}
        for n in WORKERS:
            with tempfile.TemporaryDirectory() as caches:
                cold[str(n)] = seconds(full, n, Path(caches))
            print(f"{name}, {n} workers, cold: {cold[str(n)]:.0f} s", flush=True)
        for _ in range(rounds):
            for n in WORKERS:
                times[str(n)].append(seconds(full, n, None))
                print(f"{name}, {n} workers: {times[str(n)][-1]:.0f} s", flush=True)
        found[name] = {
            "command": " ".join(("brianbridge", *full)),
            "cold": cold,
            "warm": {n: statistics.median(of) for n, of in times.items()},
            "ratio": {  # of rounds, whose runs are neighbours
                n: statistics.median(a / b for a, b in zip(times["1"], of, strict=True))
                for n, of in times.items()
            },
        }
    return found


def as_markdown(result: dict[str, Any]) -> str:
    """Return the page."""
    asked = f"--samples {result['samples']} --rounds {result['rounds']}"
    lines = [
        "# Workers of one machine",
        "",
        f"`python studies/benchmarks/workers.py {asked}`, "
        f"{machine_and_versions(result['provenance'])}.",
        "",
        "Seconds from the command to its end, with the start of the workers; each worker has one "
        f"thread. Warm times are medians of {result['rounds']} rounds. Cold: one run with empty "
        "caches of numba and brianbridge. The ratio is one worker's time to that of more.",
    ]
    for name, row in result["commands"].items():
        lines += [
            "",
            f"## The {name}",
            "",
            f"`{row['command']} --workers N`",
            "",
            "| workers | warm (s) | times as fast as one | cold (s) |",
            "|---|---|---|---|",
            *(
                f"| {n} | {row['warm'][n]:.1f} | {row['ratio'][n]:.2f} | {row['cold'][n]:.1f} |"
                for n in row["warm"]
            ),
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    result = {
        "samples": options.samples,
        "rounds": options.rounds,
        "commands": measure(options.samples, options.rounds),
        "provenance": collect(),
    }
    (RESULTS / "workers.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / "workers.md").write_text(as_markdown(result))


if __name__ == "__main__":
    main()
