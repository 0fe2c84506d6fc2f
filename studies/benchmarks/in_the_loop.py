"""Measure how much of a device's cost calibration and fine-tuning in the loop win back.

    python studies/benchmarks/in_the_loop.py [--devices 3] [--samples 4000] [--epochs 3]

The device has 10 % mismatch and weights of 4 bits; each seed is another device. There are two
networks: one with 128 neurons, trained here on digits, and the kept one with 800 on Fashion-MNIST.
The control is the same training on the same samples without Brian2 in the loop.
Writes studies/results/in_the_loop.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.datasets import Dataset, Split, load_dataset
from brianbridge.encoding import Current
from brianbridge.io.networks.file import load_network
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.perturbations import Mismatch, Perturbation, WeightQuantisation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.provenance import collect
from brianbridge.remedies.calibrate import calibrate
from brianbridge.remedies.fine_tune import fine_tune
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training import TrainingOptions, train
from brianbridge.twin.network import to_torch

STUDIES = Path(__file__).parents[1]
RULE = "spike_count"
DEVICE: tuple[Perturbation, ...] = (Mismatch(cv=0.1), WeightQuantisation(bits=4))


def on_digits() -> tuple[SpikingNetwork, Split]:
    """Train the network of studies/digits_spike_count.toml."""
    split = load_dataset("digits", seed=1)
    neuron = neuron_model("if")
    network = SpikingNetwork.sequential(
        (8, 8), [Dense(128, neuron), Dense(10, neuron)],
        encoding=Current(10), readout="potential", seed=1,
    )  # fmt: skip
    twin = to_torch(network)
    options = TrainingOptions(
        epochs=30, learning_rate=2e-3, weight_decay=0.1, schedule="cosine", validation_fraction=0.0
    )
    train(twin, split.train, RULE, seed=1, options=options)
    return write_back(twin), split


def on_fashion_mnist(samples: int) -> tuple[SpikingNetwork, Split]:
    """Return the kept network, all test samples, and some of the training samples."""
    split = load_dataset("fashion_mnist", seed=1)
    chosen = np.random.default_rng(0).permutation(len(split.train))[:samples]
    network = load_network(STUDIES / "trained" / "fashion_mnist_spike_count_mlp.h5")
    return network, Split(split.train.subset(np.sort(chosen)), split.test)


def accuracy(
    network: SpikingNetwork, data: Dataset, seed: int, device: tuple[Perturbation, ...] = DEVICE
) -> float:
    """Return the accuracy in Brian2, in percent."""
    found = perturbed(Condition(network), device, seed).simulate(data.x, seed=seed, keep=False)
    return 100 * float((found.prediction == data.y).mean())


def measure(
    name: str, network: SpikingNetwork, split: Split, devices: int, options: TrainingOptions
) -> list[dict[str, Any]]:
    """Return a row for each device."""
    unperturbed = accuracy(network, split.test, 0, ())
    rows = []
    for seed in range(devices):
        twin = to_torch(network)
        train(twin, split.train, RULE, seed=seed, options=options)
        started = time.perf_counter()
        calibrated = calibrate(network, split.train, DEVICE, seed=seed)
        between = time.perf_counter()
        tuned = fine_tune(network, split.train, DEVICE, RULE, options, seed)
        ended = time.perf_counter()
        cost = unperturbed - (device := accuracy(network, split.test, seed))
        found = accuracy(tuned.network, split.test, seed)
        rows.append(
            {
                "network": name,
                "seed": seed,
                "training_samples": len(split.train),
                "test_samples": len(split.test),
                "unperturbed": unperturbed,
                "device": device,
                "control": accuracy(write_back(twin), split.test, seed),
                "calibrated": accuracy(calibrated.network, split.test, seed),
                "fine_tuned": found,
                "won_back": (found - device) / cost if cost > 0 else None,
                "calibration": calibrated.to_dict(),
                "calibration_seconds": round(between - started, 1),
                "fine_tuning_seconds": round(ended - between, 1),
            }
        )
        print(json.dumps({k: v for k, v in rows[-1].items() if k != "calibration"}), flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows as a table in Markdown."""
    columns = ("unperturbed", "device", "control", "calibrated", "fine_tuned")
    lines = [
        "| network | device (seed) | test samples | unperturbed | on the device "
        "| trained on without the loop | calibrated | fine-tuned in the loop | won back "
        "| calibration (s) | fine-tuning (s) |",
        "|---|" + "---|" * 10,
    ]
    for row in rows:
        won = "-" if row["won_back"] is None else f"{row['won_back']:.0%}"
        values = " | ".join(f"{row[column]:.2f}%" for column in columns)
        lines.append(
            f"| {row['network']} | {row['seed']} | {row['test_samples']:,} | {values} | {won} "
            f"| {row['calibration_seconds']} | {row['fine_tuning_seconds']} |"
        )
    return lines


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=3)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    common: dict[str, Any] = {"schedule": "cosine", "validation_fraction": 0.0}
    small = TrainingOptions(epochs=given.epochs, learning_rate=5e-4, **common)
    large = TrainingOptions(epochs=given.epochs, learning_rate=1e-4, batch_size=100, **common)
    rows = measure("digits", *on_digits(), given.devices, small)
    rows += measure("Fashion-MNIST", *on_fashion_mnist(given.samples), given.devices, large)
    provenance = collect(
        command=f"python studies/benchmarks/in_the_loop.py --devices {given.devices} "
        f"--samples {given.samples} --epochs {given.epochs}",
        device=[repr(p) for p in DEVICE],
    )
    results = STUDIES / "results"
    results.mkdir(exist_ok=True)
    (results / "in_the_loop.json").write_text(
        json.dumps({"rows": rows, "provenance": provenance}, indent=2) + "\n"
    )
    lines = [
        "# What calibration and fine-tuning in the loop win back", "",
        f"`{provenance['command']}`, {provenance['date']}. The device: "
        f"{', '.join(f'`{p!r}`' for p in DEVICE)}. Accuracies are those of all test samples in "
        f"Brian2; training took {given.epochs} epochs on training samples (of Fashion-MNIST "
        f"{given.samples:,}). Won back: share of what the device costs.", "", *table(rows),
    ]  # fmt: skip
    (results / "in_the_loop.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
