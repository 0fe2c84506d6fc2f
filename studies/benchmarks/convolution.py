"""Measure the batched path on two convolutional networks, and the verification of one.

    python studies/benchmarks/convolution.py [--samples 10000]

Fashion-MNIST test images. *32C5-P2-64C5-P2-1024-10* has graded neurons, T = 2 and a constant
current. Its weights are random and scaled so that every layer is active; the results have the
shares of active neurons. *LeNet* is the kept network of leaky spike-based backpropagation, with
Bernoulli spikes and T = 16. It runs at its own step and at a tenth of it; then its twin's spikes
are recorded, and it is verified with the short ladder, with its spikes written. The first samples
are compared with the twin, spike by spike. Writes studies/results/convolution.json and .md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import brianbridge as bb
from brianbridge.datasets import Dataset, load_dataset
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.provenance import collect
from brianbridge.simulation.batched.workers import cores

RESULTS = Path(__file__).parents[1] / "results"
LENET = RESULTS.parent / "trained/fashion_mnist_leaky_backprop.h5"
COMPARED = 500


def graded_network(x: np.ndarray) -> bb.SpikingNetwork:
    """Return the network, with weights scaled so that more than 15 % of each layer is active."""
    neuron = bb.neuron_model("multi_threshold_lif", s_max=4)
    layers = [
        bb.Conv2d(32, 5, neuron, padding=2), bb.AvgPool2d(2),
        bb.Conv2d(64, 5, neuron, padding=2), bb.AvgPool2d(2),
        bb.Dense(1024, neuron), bb.Dense(10, neuron),
    ]  # fmt: skip
    encoding = bb.Current(steps=2)
    net = bb.SpikingNetwork.sequential((28, 28), layers, encoding=encoding, seed=1)
    for projection in net.projections:
        scale = 1.0
        for _ in range(12):
            scaled = net.with_weights({projection.name: (projection.weight * scale, None)})
            counts = bb.to_torch(scaled).record(x).counts[projection.target]
            if np.mean(counts > 0) > 0.15:
                break
            scale *= 1.6
        net = scaled
    return net


def seconds_of(action: Callable[[], Any]) -> float:
    """Return the wall time of an action."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def differing(net: bb.SpikingNetwork, x: np.ndarray) -> tuple[int, bb.Recording]:
    """Return how many spikes differ between Brian2 and the twin, and Brian2's recording."""
    twin, found = bb.to_torch(net).record(x), bb.simulate(net, x)
    return sum(int(np.sum(twin.spikes[n] != found.spikes[n])) for n in found.shapes), found


def measure_graded(x: np.ndarray) -> dict[str, Any]:
    """Return the time of the graded network, and its activity."""
    net = graded_network(x[:50])
    bb.simulate(net, x[:4])  # compiles
    wrong, found = differing(net, x[:COMPARED])
    return {
        "seconds": round(seconds_of(lambda: bb.simulate(net, x, keep=False)), 1),
        "active_neurons": {n: round(float(np.mean(found.counts[n] > 0)), 3) for n in found.shapes},
        "differing_spikes": wrong,
    }


def measure_lenet(data: Dataset) -> dict[str, Any]:
    """Return the time of LeNet in Brian2 and in torch, and of its verification."""
    net, x = bb.load_network(LENET), data.x
    for dt in (net.dt, net.dt / 10):
        bb.simulate(net, x[:4], dt=dt)  # compiles
    wrong, found = differing(net, x[:COMPARED])
    spikes = sum(float(np.sum(np.abs(found.counts[n]))) for n in found.shapes) / len(x[:COMPARED])
    seconds = {
        "parity": seconds_of(lambda: bb.simulate(net, x, keep=False)),
        "dt/10": seconds_of(lambda: bb.simulate(net, x, dt=net.dt / 10, keep=False)),
        "twin's recording": seconds_of(lambda: TwinRun(net, x, threads=cores())),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spikes.h5"
        seconds["verification"] = seconds_of(lambda: bb.verify(net, data, spikes=path))
    return {
        "seconds": {name: round(took, 1) for name, took in seconds.items()},
        "spikes_per_sample": round(spikes),
        "differing_spikes": wrong,
    }


def page(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    samples, graded, lenet = result["samples"], result["graded"], result["lenet"]
    machine = result["provenance"]["machine"]
    shares = ", ".join(f"{name} {100 * s:.0f} %" for name, s in graded["active_neurons"].items())
    compared = min(COMPARED, samples)
    rows = (
        f"| {name} | {took:,.1f} | {1e3 * took / samples:.1f} |"
        for name, took in lenet["seconds"].items()
    )
    return (
        f"# Convolutional networks in Brian2\n\n`{result['provenance']['command']}`, "
        f"{result['provenance']['date']}, {machine['cores']} cores, {machine['processor']}.\n\n"
        f"32C5-P2-64C5-P2-1024-10, T = 2, {samples:,} Fashion-MNIST images: "
        f"{graded['seconds']:.1f} s by the batched path. Share of neurons that fired: {shares}. "
        f"Differing spikes against the twin over {compared} images: "
        f"{graded['differing_spikes']}.\n\n"
        f"LeNet (`{LENET.name}`), T = 16, {lenet['spikes_per_sample']:,} spikes an image. "
        f"Differing spikes over {compared} images: {lenet['differing_spikes']}. The verification "
        "runs the short ladder, and writes the spikes of the first rung and of the twin.\n\n"
        "| | s | ms an image |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    samples = parser.parse_args().samples
    data = load_dataset("fashion_mnist").test.subset(np.arange(samples))
    result = {
        "samples": samples,
        "graded": measure_graded(data.x),
        "lenet": measure_lenet(data),
        "provenance": collect(
            command=f"python studies/benchmarks/convolution.py --samples {samples}", seed=1
        ),
    }
    wrong = result["graded"]["differing_spikes"], result["lenet"]["differing_spikes"]
    assert wrong == (0, 0), f"differing spikes: {wrong}"
    (RESULTS / "convolution.json").write_text(json.dumps(result, indent=2) + "\n")
    text = page(result)
    (RESULTS / "convolution.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
