"""Compare an epoch by one process with an epoch by two, each with one thread.

    python studies/benchmarks/several_processes.py [--repeats 5]

The networks are those of two studies, 784-800-10 and the convolutional one of Fashion-MNIST, with
random images in batches of 128. One process and two train the same network in turns, an epoch each:
first one process alone while the other sleeps, then both together. Writes
studies/results/several_processes.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import brianbridge as bb
from brianbridge.provenance import collect
from brianbridge.rules import learning_rule
from brianbridge.training.loop import Trainer
from brianbridge.training.processes import ONE, Processes, joined

RESULTS = Path(__file__).parents[1] / "results"
DENSE, CONVOLUTIONAL = [("dense", 800)], [("conv", 16), ("conv", 32), ("dense", 256)]
#: Layers, rule and number of images of each training.
TASKS: dict[str, tuple[list[tuple[str, int]], str, int]] = {
    "784-800-10, spike_count": (DENSE, "spike_count", 1024),
    "784-800-10, surrogate_gradient": (DENSE, "surrogate_gradient", 1024),
    "convolutional, spike_count": (CONVOLUTIONAL, "spike_count", 256),
    "convolutional, surrogate_gradient": (CONVOLUTIONAL, "surrogate_gradient", 256),
}


def twin_of(sizes: list[tuple[str, int]]) -> bb.twin.NetworkTwin:
    """Return the twin of a network of the given layers and ten outputs."""
    neuron, layers = bb.neuron_model("if"), []
    for kind, size in sizes:
        if kind == "conv":
            layers += [bb.Conv2d(size, 3, neuron, padding=1), bb.AvgPool2d(2)]
        else:
            layers.append(bb.Dense(size, neuron))
    network = bb.SpikingNetwork.sequential(
        (1, 28, 28), [*layers, bb.Dense(10, neuron)], encoding=bb.Current(10), readout="potential",
        seed=1, weight_gain=2.0,
    )  # fmt: skip
    return bb.to_torch(network)


def trainer(task: str, processes: Processes) -> Trainer:
    """Return a training that has not begun."""
    sizes, rule, samples = TASKS[task]
    draw = np.random.default_rng(0)
    data = bb.from_arrays("random", draw.random((samples, 1, 28, 28)), np.arange(samples) % 10)
    options = bb.TrainingOptions(batch_size=128, validation_fraction=0.0)
    return Trainer(twin_of(sizes), data, learning_rule(rule), 0, options, processes)


def seconds(training: Trainer) -> float:
    """Train for an epoch, and return how long it took."""
    start = time.perf_counter()
    training._one_epoch()
    return time.perf_counter() - start


def measured(processes: Processes, repeats: int) -> dict[str, list[list[float]]]:
    """Return the seconds of one process and of two, in turns, for each task."""
    found: dict[str, list[list[float]]] = {}
    for task in TASKS:
        alone, both = trainer(task, ONE), trainer(task, processes)
        pairs = []
        for _ in range(repeats + 1):
            one = processes.from_first(lambda alone=alone: seconds(alone))
            pairs.append([one, seconds(both)])
        found[task] = pairs[1:]  # the first round compiles, and measures what is kept
    return found


def report(found: dict[str, list[list[float]]], command: str, machine: dict[str, Any]) -> str:
    """Return the table."""
    lines = [
        "# Training with two processes",
        "",
        f"`{command}`",
        "",
        "Seconds of an epoch: median, and range in brackets. Each process has one thread; "
        f"{machine['cores']} cores, {machine['processor']}.",
        "",
        "| network and rule | one process | two processes | times as fast, median of the pairs |",
        "|---|---|---|---|",
    ]
    for task, pairs in found.items():
        columns = [
            f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"
            for times in zip(*pairs, strict=True)
        ]
        ratio = statistics.median(one / two for one, two in pairs)
        lines.append(f"| {task} | {columns[0]} | {columns[1]} | {ratio:.2f} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if "RANK" not in os.environ:
        run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        sys.exit(subprocess.call([sys.executable, *run, *sys.argv], env=environment))
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as processes:
        found = measured(processes, options.repeats)
        if not processes.first:
            return
    command = f"python studies/benchmarks/several_processes.py --repeats {options.repeats}"
    provenance = collect(command=command)
    text = report(found, provenance["command"], provenance["machine"])
    result = {"seconds": found, "provenance": provenance}
    (RESULTS / "several_processes.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / "several_processes.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
