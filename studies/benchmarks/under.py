"""Compare the cost of a batch under a rung with that of a clean batch.

    python studies/benchmarks/under.py [NETWORK ...] [--samples 1280] [--rounds 3]

Each network trains for one epoch with its own rule, clean and with every batch under a rung, in
turns; by default kept networks of all five systems. Rungs have the steps of the clean network, but
one, whose step is finer. A rule refuses rungs that it cannot learn under.
Times are those of the processor, with one thread, and exclude what is done once before training.
Writes studies/results/under.json and .md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from brianbridge.datasets import Dataset, load_dataset
from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network
from brianbridge.ladder.rungs import Rung
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.rules import learning_rule
from brianbridge.training import TrainingOptions, train
from brianbridge.training.perturbed import Under
from brianbridge.twin.network import to_torch

STUDIES = Path(__file__).parents[1]
NETWORKS = (
    "fashion_mnist_spike_count_cnn",
    "fashion_mnist_leaky_backprop",
    "fashion_mnist_first_spike_finer",
    "fashion_mnist_spide",
    "fashion_mnist_implicit",
    "fashion_mnist_multi_threshold",
)
PERTURB: dict[str, dict[str, dict[str, Any]]] = {
    "weights of 4 bits": {"weight_quantisation": {"bits": 4}},
    "4 bits, 10 % mismatch": {"weight_quantisation": {"bits": 4}, "mismatch": {"cv": 0.1}},
    "delays of 1 ms": {"delay": {"time": "1 ms"}},
    "one spike in ten fails at a synapse": {"synaptic_failure": {"probability": 0.1}},
    "refractory for 2 ms": {"refractory": {"period": "2 ms"}},
    "dt/2": {"finer_dt": {"divisor": 2}},
}
BATCH = 64


def seconds_of_batches(
    network: SpikingNetwork, data: Dataset, under: Under | None, few: Dataset
) -> float:
    """Return the time of an epoch, less that of one with a single batch."""
    rule = dict(network.provenance["rule"])

    def seconds(samples: Dataset) -> float:
        twin = to_torch(network)
        options = TrainingOptions(
            epochs=1, batch_size=BATCH, learning_rate=1e-4, validation_fraction=0.0
        )
        started = time.process_time()
        chosen = learning_rule(rule["name"], **{k: v for k, v in rule.items() if k != "name"})
        train(twin, samples, chosen, seed=0, options=options, under=under)
        return time.process_time() - started

    return seconds(data) - seconds(few)


def times(network: SpikingNetwork, images: Dataset, samples: int, rounds: int) -> dict[str, Any]:
    """Return the time of a batch for each rung, and its ratio to that of a clean batch."""
    data, few = images.subset(range(samples)), images.subset(range(BATCH))
    rungs = {name: Rung(name=name, perturb=perturb) for name, perturb in PERTURB.items()}
    cases: dict[str, Under | None] = {"clean": None}
    cases |= {name: Under((rung,), clean=0.0) for name, rung in rungs.items()}
    for name, under in list(cases.items()):  # compiles
        try:
            seconds_of_batches(network, few, under, few)
        except InputError:
            if under is None:
                raise
            del cases[name]
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, under in cases.items():
            found[name].append(seconds_of_batches(network, data, under, few))
    batches = samples // BATCH - 1
    return {
        name: {
            "ms_a_batch": round(1e3 * statistics.median(took) / batches, 1),
            "times_clean": round(
                statistics.median(t / c for t, c in zip(took, found["clean"], strict=True)), 2
            ),
        }
        for name, took in found.items()
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return the ratios of all networks as a table of Markdown."""
    lines = ["| network | clean, ms a batch | " + " | ".join(PERTURB) + " |"]
    lines.append("|---" * (2 + len(PERTURB)) + "|")
    for name, row in rows.items():
        ratios = [str(row[rung]["times_clean"]) if rung in row else "refused" for rung in PERTURB]
        lines.append(f"| {name} | {row['clean']['ms_a_batch']} | " + " | ".join(ratios) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--samples", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = load_dataset("fashion_mnist").train
    rows = {
        name: times(
            load_network(STUDIES / "trained" / f"{name}.h5"), images, given.samples, given.rounds
        )
        for name in given.networks
    }
    command = "python studies/benchmarks/under.py"
    if tuple(given.networks) != NETWORKS:
        command += "".join(f" {name}" for name in given.networks)
    provenance = collect(
        command=f"{command} --samples {given.samples} --rounds {given.rounds}", seed=0
    )
    text = (
        "# A batch under a rung, and a clean one\n\n"
        f"`{provenance['command']}`, {provenance['date']}. Batches of {BATCH}, each network with "
        "its own rule; medians over rounds in turns, processor time with one thread. The columns "
        "of rungs say how many times as long as a clean batch one under the rung takes. dt/2 has "
        f"twice the steps.\n\n{table(rows)}"
    )
    results = STUDIES / "results"
    content = json.dumps({"rows": rows, "provenance": provenance}, indent=2)
    (results / "under.json").write_text(content + "\n")
    (results / "under.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
