"""Count the certified test images of the kept networks, and compare them with random errors.

    python studies/results/make_certificates.py

For each network of IF neurons and each error, ``brianbridge.measures.certify`` bounds the outputs
for all errors of weights, biases and thresholds up to this size. Beside it are the accuracies of
random draws: each weight, bias and threshold of a neuron is off by a share of its own, uniform
within the error. Writes studies/results/certificates.json and .md.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from make_ladders import STUDIES

import brianbridge as bb
from brianbridge.datasets import Dataset
from brianbridge.io.networks.file import load_network
from brianbridge.measures import certify
from brianbridge.network import Population, SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.study.data import first_samples, held_out

RESULTS = STUDIES / "results"
#: Test images of each network. The bounds of 500 images take a convolutional network 20 s.
IMAGES = {
    "fashion_mnist_spike_count_mlp": 10_000,
    "fashion_mnist_spike_count_cnn": 500,
    "fashion_mnist_spike_count_budget": 500,
    "fashion_mnist_spike_count_held": 500,
}
ERRORS = (0.001, 0.003, 0.01, 0.03)
DRAWS, SEED, BATCH = 20, 0, 100


def drawn(network: SpikingNetwork, error: float, draw: np.random.Generator) -> SpikingNetwork:
    """Return the network with a random error of each weight, bias and threshold."""

    def near(values: Any) -> Any:
        return values * (1 + error * draw.uniform(-1, 1, np.shape(values)))

    def with_error(population: Population) -> Population:
        neuron = population.neuron
        theta = near(np.full(population.size, float(neuron.parameters["theta"])))
        parameters = {**neuron.parameters, "theta": theta}
        return replace(population, neuron=replace(neuron, parameters=parameters))

    weights = {
        p.name: (near(p.weight), None if p.bias is None else near(p.bias))
        for p in network.projections
    }
    populations = tuple(with_error(p) if network.fires(p.name) else p for p in network.populations)
    return replace(network.with_weights(weights), populations=populations)


def predictions(network: SpikingNetwork, x: np.ndarray) -> np.ndarray:
    """Return the predictions of the twin in the precision of the bounds."""
    twin = bb.to_torch(network, dtype=torch.float64).eval()
    found = []
    with torch.no_grad():
        for low in range(0, len(x), BATCH):
            part = x[low : low + BATCH]
            found.append(twin(part, index=np.arange(low, low + len(part))).argmax(1).numpy())
    return np.concatenate(found)


def row(network: SpikingNetwork, data: Dataset, error: float) -> dict[str, Any]:
    """Return the numbers of a network at an error."""
    bounds = certify(network, data.x, weight_error=error, threshold_error=error)
    best, sure = bounds.output.argmax(1), bounds.certified
    draws = [
        predictions(drawn(network, error, np.random.default_rng([SEED, n])), data.x)
        for n in range(DRAWS)
    ]
    return {
        "error": error,
        "accuracy": float((best == data.y).mean()),
        "certified": float(sure.mean()),
        "right_and_certified": float((sure & (best == data.y)).mean()),
        "accuracy_of_draws": [float((found == data.y).mean()) for found in draws],
        "kept_in_all_draws": float(np.all([found == best for found in draws], axis=0).mean()),
        "certified_but_changed": int(sum((sure & (found != best)).sum() for found in draws)),
    }


def table(networks: dict[str, Any]) -> list[str]:
    """Return a table in Markdown with a row for each network and error."""
    rows = [[
        "network", "test images", "accuracy", "error", "certified", "right and certified",
        "accuracy of the draws", "same prediction in all draws",
    ]]  # fmt: skip
    rows.append(["---"] * len(rows[0]))
    for name, found in networks.items():
        for one in found["rows"]:
            draws = one["accuracy_of_draws"]
            rows.append([
                f"`{name}`", f"{found['images']:,}", f"{one['accuracy']:.2%}",
                f"{100 * one['error']:.3g} %", f"{one['certified']:.2%}",
                f"{one['right_and_certified']:.2%}",
                f"{np.mean(draws):.2%} ({min(draws):.2%} to {max(draws):.2%})",
                f"{one['kept_in_all_draws']:.2%}",
            ])  # fmt: skip
    return ["| " + " | ".join(cells) + " |" for cells in rows]


def page(result: dict[str, Any]) -> str:
    """Return the page."""
    networks, origin = result["networks"], result["provenance"]
    machine = origin["machine"]
    changed = sum(one["certified_but_changed"] for of in networks.values() for one in of["rows"])
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    return "\n".join([
        "# How many test images are certified?", "",
        "An image is certified if no error of weights, biases and thresholds up to this share of "
        "their size can change its prediction. The bounds hold for all errors together and are "
        "not tight: an image that is not certified may still be safe. The draws are "
        f"{DRAWS} networks whose weights, biases and thresholds are off by a random share, "
        "uniform within the error; in brackets the lowest and the highest accuracy. "
        f"Certified images whose prediction changed in a draw: {changed}.",
        "",
        f"`python studies/results/make_certificates.py`, seed {SEED}, {origin['date'][:10]}, "
        f"{machine['cores']} cores, {machine['memory_gb']:.0f} GB. Versions: {versions}. What "
        "the bounds are: [docs/fidelity.md](../../docs/fidelity.md#how-many-samples-are-certain).",
        "", *table(networks), "",
    ])  # fmt: skip


def main() -> None:
    """Bound, draw, and write the page."""
    networks = {}
    for name, images in IMAGES.items():
        network = load_network(STUDIES / "trained" / f"{name}.h5")
        test = held_out(network.provenance, network.provenance["dataset"]["name"])
        data = first_samples(test, images)
        networks[name] = {"images": len(data), "rows": [row(network, data, e) for e in ERRORS]}
        print(name, networks[name], flush=True)
    result = {"networks": networks, "provenance": collect(seed=SEED)}
    (RESULTS / "certificates.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / "certificates.md").write_text(page(result))


if __name__ == "__main__":
    main()
