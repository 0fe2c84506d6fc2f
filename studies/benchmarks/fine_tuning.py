"""Compare fine-tuning under a rung in torch with fine-tuning with Brian2 in the loop.

    python studies/benchmarks/fine_tuning.py [--samples 4000] [--epochs 2] [--test 1000]

Both continue the same training from the same kept network, on the same samples for the same number
of epochs. In the loop, Brian2 runs the rung forward; in torch, the twin of the rung does. Times are
those of the processor, with one thread, so that other programs do not change them.
Writes studies/results/fine_tuning.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
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
#: Kept networks, and the rungs that cost them most (studies/remedies).
CASES = (
    ("fashion_mnist_spike_count_cnn", FINER),
    ("fashion_mnist_spike_count_cnn", DECAYING),
    ("fashion_mnist_multi_threshold", FOUR_BITS),
    ("fashion_mnist_leaky_backprop_longer", FOUR_BITS),
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


def measure(name: str, rung: Rung, samples: int, test: int, epochs: int) -> dict[str, Any]:
    """Return the row of one network on one rung."""
    network = load_network(STUDIES / "trained" / f"{name}.h5")
    whole, tested = split_of(network.provenance, network.provenance["dataset"]["name"])
    chosen = np.random.default_rng(0).permutation(len(whole))[:samples]
    data, shown = whole.subset(np.sort(chosen)), first_samples(tested, test)
    chosen_options = dict(network.provenance["rule"])
    rule = learning_rule(chosen_options.pop("name"), **chosen_options)
    options = TrainingOptions(
        epochs=epochs, batch_size=100, learning_rate=1e-4, schedule="cosine",
        validation_fraction=0.0,
    )  # fmt: skip

    def in_the_loop() -> SpikingNetwork:
        return fine_tune(network, data, rung.perturbations, rule, options, seed=0).network

    def in_torch() -> SpikingNetwork:
        twin = to_torch(network)
        train(twin, data, rule, seed=0, options=options, under=Under((rung,), clean=0.0))
        return write_back(twin)

    row: dict[str, Any] = {
        "network": name,
        "rung": rung.name,
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
        f"first {given.test:,} test images in Brian2 on the rung. Both trainings took "
        f"{given.epochs} epochs on {given.samples:,} images. Seconds are those of the processor, "
        "with one thread.", "",
        "| network | rung | before | Brian2 in the loop | seconds | in torch | seconds | share |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        loop, alone = row["loop"], row["torch"]
        lines.append(
            f"| `{row['network']}` | {row['rung']} | {row['before']:.2f}% "
            f"| {loop['accuracy']:.2f}% | {loop['processor_seconds']:.0f} "
            f"| {alone['accuracy']:.2f}% "
            f"| {alone['processor_seconds']:.0f} | {row['share']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(*case, given.samples, given.test, given.epochs) for case in CASES]
    provenance = collect(
        command=f"python studies/benchmarks/fine_tuning.py --samples {given.samples} "
        f"--epochs {given.epochs} --test {given.test}"
    )
    results = STUDIES / "results"
    content = json.dumps({"rows": rows, "provenance": provenance}, indent=2)
    (results / "fine_tuning.json").write_text(content + "\n")
    (results / "fine_tuning.md").write_text(page(rows, given, provenance))


if __name__ == "__main__":
    main()
