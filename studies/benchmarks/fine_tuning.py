"""Compare fine-tuning under a rung in torch with fine-tuning with Brian2 in the loop.

    python studies/benchmarks/fine_tuning.py [--samples 4000] [--test 10000]

Both continue training from the same kept network, on the same samples. In the loop, Brian2 runs the
rung forward, for two epochs in batches of 100 with the learning rate 1e-4. In torch, the twin does,
for one epoch in batches of 50, with a learning rate of its own, and at dt/4 where the rung is at
dt/10. Times are those of the processor, with one thread.
Writes studies/results/fine_tuning.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brianbridge.datasets import Dataset
from brianbridge.io.networks.file import load_network
from brianbridge.ladder.rungs import Rung
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.remedies.fine_tune import fine_tune
from brianbridge.rules import learning_rule
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.study.data import first_samples, split_of
from brianbridge.training import TrainingOptions, train
from brianbridge.training.perturbed import Under
from brianbridge.twin.network import to_torch

STUDIES = Path(__file__).parents[1]
FOUR_BITS = Rung(name="weights of 4 bits", perturb={"weight_quantisation": {"bits": 4}})
FINER = Rung(name="dt/10", perturb={"finer_dt": {"divisor": 10}})
DECAYING = Rung(
    name="synapses that decay with 2 ms", perturb={"synaptic_kinetics": {"tau": "2 ms"}}
)
#: Four finer steps are enough to learn from.
COARSER = Rung(name="dt/4", perturb={"finer_dt": {"divisor": 4}})
#: Kept networks, and the rungs that cost them most (studies/remedies); the rung of the twin, and
#: its learning rate.
CASES = (
    ("fashion_mnist_spike_count_cnn", FINER, COARSER, 1e-4),
    ("fashion_mnist_spike_count_cnn", DECAYING, DECAYING, 1e-4),
    ("fashion_mnist_multi_threshold", FOUR_BITS, FOUR_BITS, 6e-4),
    ("fashion_mnist_leaky_backprop_longer", FOUR_BITS, FOUR_BITS, 6e-4),
)


def accuracy(network: SpikingNetwork, rung: Rung, data: Dataset) -> float:
    """Return the accuracy of a network in Brian2 on a rung, in percent."""
    found = rung.applied_to(network, 0).simulate(data.x, seed=0, keep=False)
    return 100 * float((found.prediction == data.y).mean())


def timed(make: Callable[[], SpikingNetwork]) -> tuple[SpikingNetwork, float, float]:
    """Return a network, and the seconds of processor and clock that it took."""
    started, clock = time.process_time(), time.perf_counter()
    network = make()
    return network, time.process_time() - started, time.perf_counter() - clock


def measure(
    name: str, rung: Rung, learned: Rung, rate: float, samples: int, test: int
) -> dict[str, Any]:
    """Return the row of one network on one rung; in torch, it learns from another one."""
    network = load_network(STUDIES / "trained" / f"{name}.h5")
    whole, tested = split_of(network.provenance, network.provenance["dataset"]["name"])
    chosen = np.random.default_rng(0).permutation(len(whole))[:samples]
    data, shown = whole.subset(np.sort(chosen)), first_samples(tested, test)
    chosen_options = dict(network.provenance["rule"])
    rule = learning_rule(chosen_options.pop("name"), **chosen_options)
    loop = TrainingOptions(
        epochs=2, batch_size=100, learning_rate=1e-4, schedule="cosine", validation_fraction=0.0
    )
    alone = replace(loop, epochs=1, batch_size=50, learning_rate=rate)

    def in_the_loop() -> SpikingNetwork:
        return fine_tune(network, data, rung.perturbations, rule, loop, seed=0).network

    def in_torch() -> SpikingNetwork:
        twin = to_torch(network)
        train(twin, data, rule, seed=0, options=alone, under=Under((learned,), clean=0.0))
        return write_back(twin)

    row: dict[str, Any] = {
        "network": name,
        "rung": rung.name,
        "learned": learned.name,
        "learning_rate": rate,
        "before": accuracy(network, rung, shown),
    }
    for key, make in (("loop", in_the_loop), ("torch", in_torch)):
        tuned, processor, clock = timed(make)
        row[key] = {
            "accuracy": accuracy(tuned, rung, shown),
            "processor_seconds": round(processor, 1),
            "seconds": round(clock, 1),
        }
    row["share"] = row["torch"]["processor_seconds"] / row["loop"]["processor_seconds"]
    print(json.dumps(row), flush=True)
    return row


def page(rows: list[dict[str, Any]], given: argparse.Namespace, provenance: dict[str, Any]) -> str:
    """Return the results as a page in Markdown."""
    lines = [
        "# Fine-tuning under a rung: in torch, and with Brian2 in the loop", "",
        f"`{provenance['command']}`, {provenance['date']}, seed 0. Accuracies are those of the "
        f"first {given.test:,} test images in Brian2 on the rung. Both trainings had the same "
        f"{given.samples:,} images: two epochs in batches of 100 in the loop (learning rate 1e-4), "
        "one epoch in batches of 50 in torch. Learning rates in torch were chosen in trials on the "
        "first 1,000 test images. Seconds are those of the processor, with one thread; the share "
        "is torch's part of the loop's.", "",
        "| network | rung | before | Brian2 in the loop | seconds | in torch | learned at, rate "
        "| seconds | share |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        loop, alone = row["loop"], row["torch"]
        lines.append(
            f"| `{row['network']}` | {row['rung']} | {row['before']:.2f}% "
            f"| {loop['accuracy']:.2f}% | {loop['processor_seconds']:.0f} "
            f"| {alone['accuracy']:.2f}% | {row['learned']}, {row['learning_rate']:g} "
            f"| {alone['processor_seconds']:.0f} | {row['share']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--test", type=int, default=10_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(*case, given.samples, given.test) for case in CASES]
    provenance = collect(
        command=f"python studies/benchmarks/fine_tuning.py --samples {given.samples} "
        f"--test {given.test}"
    )
    results = STUDIES / "results"
    content = json.dumps({"rows": rows, "provenance": provenance}, indent=2)
    (results / "fine_tuning.json").write_text(content + "\n")
    (results / "fine_tuning.md").write_text(page(rows, given, provenance))


if __name__ == "__main__":
    main()
