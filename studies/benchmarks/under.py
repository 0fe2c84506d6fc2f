"""Compare the cost of an epoch under a rung with that of a clean epoch.

    python studies/benchmarks/under.py [--samples 1280] [--rounds 3]

The kept CNN of spike-count learning trains for one epoch, clean and with every batch under a rung,
in turns. Rungs have the steps of the clean network, but one, whose step is finer.
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
from brianbridge.io.networks.file import load_network
from brianbridge.ladder.rungs import Rung
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.rules import learning_rule
from brianbridge.training import TrainingOptions, train
from brianbridge.training.perturbed import Under
from brianbridge.twin.network import to_torch

STUDIES = Path(__file__).parents[1]
NETWORK = STUDIES / "trained" / "fashion_mnist_spike_count_cnn.h5"
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


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    network, images = load_network(NETWORK), load_dataset("fashion_mnist").train
    data, few = images.subset(range(given.samples)), images.subset(range(BATCH))
    rungs = {name: Rung(name=name, perturb=perturb) for name, perturb in PERTURB.items()}
    cases: dict[str, Under | None] = {"clean": None}
    cases |= {name: Under((rung,), clean=0.0) for name, rung in rungs.items()}
    for under in cases.values():  # compiles
        seconds_of_batches(network, few, under, few)
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(given.rounds):
        for name, under in cases.items():
            found[name].append(seconds_of_batches(network, data, under, few))
    batches = given.samples // BATCH - 1
    rows = {
        name: {
            "ms_a_batch": round(1e3 * statistics.median(took) / batches, 1),
            "times_clean": round(
                statistics.median(t / c for t, c in zip(took, found["clean"], strict=True)), 2
            ),
        }
        for name, took in found.items()
    }
    provenance = collect(
        command=f"python studies/benchmarks/under.py --samples {given.samples} "
        f"--rounds {given.rounds}",
        seed=0,
    )
    text = (
        "# An epoch under a rung, and a clean one\n\n"
        f"`{provenance['command']}`, {provenance['date']}. `{NETWORK.name}`, batches of {BATCH}; "
        "medians over rounds in turns, processor time with one thread. dt/2 has twice the "
        "steps.\n\n| every batch | ms a batch | times a clean one |\n|---|---|---|\n"
    )
    text += "".join(
        f"| {name} | {row['ms_a_batch']} | {row['times_clean']} |\n" for name, row in rows.items()
    )
    results = STUDIES / "results"
    content = json.dumps({"rows": rows, "provenance": provenance}, indent=2)
    (results / "under.json").write_text(content + "\n")
    (results / "under.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
