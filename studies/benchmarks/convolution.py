"""Measure the time of the batched path on a convolutional network: 32C5-P2-64C5-P2-1024-10, T = 2.

    python studies/benchmarks/convolution.py [--samples 10000]

Fashion-MNIST test images, constant current, graded neurons. Weights are random and scaled so that
every layer is active; the result has the shares of active neurons. The first 500 samples are
compared with the twin, spike by spike. Writes studies/results/convolution.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import brianbridge as bb
from brianbridge.datasets import load_dataset
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
COMPARED = 500


def network(x: np.ndarray) -> bb.SpikingNetwork:
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


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    samples = parser.parse_args().samples
    x = load_dataset("fashion_mnist").test.x[:samples]
    net = network(x[:50])
    bb.simulate(net, x[:4])  # compiles
    twin = bb.to_torch(net).record(x[:COMPARED])
    found = bb.simulate(net, x[:COMPARED])
    differing = {n: int(np.sum(twin.spikes[n] != found.spikes[n])) for n in found.shapes}
    assert not any(differing.values()), f"differing spikes: {differing}"
    started = time.perf_counter()
    bb.simulate(net, x, keep=False)
    seconds = time.perf_counter() - started
    active = {n: round(float(np.mean(found.counts[n] > 0)), 3) for n in found.shapes}
    result = {
        "samples": samples,
        "seconds": round(seconds, 1),
        "active_neurons": active,
        "differing_spikes": {"samples": COMPARED, **differing},
        "provenance": collect(
            command=f"python studies/benchmarks/convolution.py --samples {samples}", seed=1
        ),
    }
    (RESULTS / "convolution.json").write_text(json.dumps(result, indent=2) + "\n")
    machine = result["provenance"]["machine"]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in active.items())
    text = (
        f"# A convolutional network in Brian2\n\n`{result['provenance']['command']}`, "
        f"{result['provenance']['date']}, {machine['cores']} cores, {machine['processor']}.\n\n"
        f"32C5-P2-64C5-P2-1024-10, T = 2, {samples:,} Fashion-MNIST images: {seconds:.1f} s by the "
        f"batched path. Share of neurons that fired: {shares}. Differing spikes against the twin "
        f"over {COMPARED} images: {sum(differing.values())}.\n"
    )
    (RESULTS / "convolution.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
