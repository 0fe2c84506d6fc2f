"""Time the default ladder on 10,000 images of the kept 784-800-10 network.

    python studies/benchmarks/ladder.py [--samples 10000] [--repeats 3]

The ladder runs in this process with a thread for each core, on one Dask worker with one thread, and
on two. These runs alternate, and all verdicts must be the same bit for bit. Two workers then run it
once more, and one of them is killed meanwhile. Times are those of `verify`, including the twin; the
start of the processes is given separately. Writes studies/results/ladder.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import brianbridge as bb
from brianbridge.datasets import load_dataset
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import Task
from brianbridge.provenance import collect
from brianbridge.sweep import Sweep, connected
from brianbridge.sweep.dask_workers import Workers

STUDIES = Path(__file__).parents[1]
NETWORK = STUDIES / "trained" / "fashion_mnist_spike_count_mlp.h5"


def as_text(verdict: bb.Verdict) -> str:
    """Return a verdict as text, without time and date."""
    found = verdict.to_dict()
    del found["provenance"]
    for rung in found["rungs"]:
        del rung["seconds"]
    return json.dumps(found, sort_keys=True)


class Killing:
    """Kill a worker when a quarter of the tasks is done."""

    def __init__(self, client: Any) -> None:
        self.client, self.run, self.killed = client, Workers.run, False

    def __enter__(self) -> Killing:
        killing = self

        def run(workers: Workers, tasks: Sequence[Task]) -> Iterator[tuple[Task, RunResult]]:
            for number, found in enumerate(killing.run(workers, tasks), 1):
                if number == len(tasks) // 4:
                    (victim, *_) = killing.client.run(os.getpid).values()
                    os.kill(victim, signal.SIGKILL)
                    killing.killed = True
                yield found

        Workers.run = run  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Workers.run = self.run  # type: ignore[method-assign]


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    network, data = bb.load_network(NETWORK), load_dataset("fashion_mnist", seed=1).test
    data = data.subset(np.arange(given.samples))
    started = time.perf_counter()
    with connected(1) as one, connected(2) as two:
        processes = time.perf_counter() - started
        ways = {"here, two threads": None, "one worker": one, "two workers": two}
        few = data.subset(np.arange(20))
        for client in ways.values():  # let every process compile
            for _ in range(2):
                bb.verify(network, few, "default", execution=Sweep(client=client, shard=5))
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        verdicts = {}
        for _ in range(given.repeats):
            for way, client in ways.items():
                started = time.perf_counter()
                verdict = bb.verify(network, data, "default", execution=Sweep(client=client))
                seconds[way].append(time.perf_counter() - started)
                verdicts[as_text(verdict)] = verdict
                print(way, round(seconds[way][-1], 1), flush=True)
        with Killing(two) as killing:
            again = bb.verify(network, data, "default", execution=Sweep(client=two))
            verdicts[as_text(again)] = verdict
        assert killing.killed, "no worker was killed"
    assert len(verdicts) == 1, "the verdicts differ"
    ratio = [a / b for a, b in zip(seconds["one worker"], seconds["two workers"], strict=True)]
    result = {
        "network": NETWORK.name, "samples": len(data), "rungs": len(verdict.rungs),
        "seconds": seconds, "one_worker_over_two": ratio, "processes_start_seconds": processes,
        "same_verdict": True, "same_verdict_with_a_worker_killed": True,
        "provenance": collect(
            command=f"python studies/benchmarks/ladder.py --samples {given.samples} "
            f"--repeats {given.repeats}"
        ),
    }  # fmt: skip
    results = STUDIES / "results"
    (results / "ladder.json").write_text(json.dumps(result, indent=2) + "\n")
    rows = [
        f"| {way} | {statistics.median(s):.1f} | {min(s):.1f} to {max(s):.1f} |"
        for way, s in seconds.items()
    ]
    machine = result["provenance"]["machine"]
    lines = [
        "# The default ladder", "",
        f"`{result['provenance']['command']}`, {result['provenance']['date'][:10]}, "
        f"{machine['cores']} cores, {machine['memory_gb']:.0f} GB. {result['rungs']} rungs on "
        f"{len(data):,} images of `{NETWORK.name}`; attribution included.", "",
        "| run | seconds, median | range |", "|---|---|---|", *rows, "",
        f"One worker takes {statistics.median(ratio):.2f} times as long as two (median of "
        f"{given.repeats} pairs). All verdicts were the same bit for bit, including the one of the "
        "run in which one of two workers was killed.",
    ]  # fmt: skip
    (results / "ladder.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
