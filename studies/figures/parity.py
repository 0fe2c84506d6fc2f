"""Draw one digit in the torch twin and in Brian2, at the same dt and ten times finer.

    python studies/figures/parity.py runs/demo/network.h5 docs/parity.png

Needs the extra ``plot``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import brianbridge as bb
from brianbridge.datasets import load_dataset
from brianbridge.network import SpikingNetwork
from brianbridge.recording import Recording

SAMPLE = 3
TWIN, BRIAN2, FINE = "#b0b7c3", "#0b5fa5", "#c2410c"


def most_active_neuron(recording: Recording) -> int:
    """Return the hidden neuron with the most spikes that does not fire in every step."""
    counts = recording.counts["hidden"][0]
    varied = np.where(counts < recording.steps, counts, -1)
    return int(varied.argmax())


def raster(axis: Any, coarse: Recording, fine: Recording, neurons: np.ndarray) -> None:
    """Overlay three rasters of the neurons that fired."""
    place = {int(n): row for row, n in enumerate(neurons)}
    for recording, marker in (
        (coarse, {"marker": "s", "s": 34, "color": TWIN, "label": "torch twin, 1 ms"}),
        (fine, {"marker": "|", "s": 26, "color": FINE, "linewidths": 1, "label": "Brian2, 0.1 ms"}),
    ):
        events = recording.events("hidden")
        rows = [place[int(n)] for n in events.node]
        axis.scatter(1e3 * events.time, rows, **marker)


def draw(network: SpikingNetwork, image: np.ndarray, target: Path) -> None:
    """Run the image in the twin and in Brian2, and save the figure."""
    samples = image[None]
    twin = bb.to_torch(network).record(samples, record=("spikes", "v"))
    same = bb.simulate(network, samples, record=("spikes", "v"))
    fine = bb.simulate(network, samples, dt=network.dt / 10, record=("spikes", "v"))
    neurons = np.unique(np.concatenate([twin.events("hidden").node, fine.events("hidden").node]))

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(
        1, 3, figsize=(11, 3.6), width_ratios=(1, 2.4, 2.2), layout="constrained"
    )
    axes[0].imshow(image, cmap="gray_r")
    axes[0].set(title="the input", xticks=[], yticks=[])

    raster(axes[1], twin, fine, neurons)
    events = same.events("hidden")
    rows = np.searchsorted(neurons, events.node)
    axes[1].scatter(
        1e3 * events.time, rows, marker="x", s=16, linewidths=1, color=BRIAN2, label="Brian2, 1 ms"
    )
    different = int(np.sum(twin.raster("hidden") != same.raster("hidden")))
    axes[1].set(
        title=f"hidden spikes: {different} differ at the same dt", xlabel="time (ms)",
        ylabel="hidden neurons that fired",
    )  # fmt: skip
    axes[1].legend(loc="lower center", bbox_to_anchor=(0.5, -0.38), ncols=3, frameon=False)

    neuron = most_active_neuron(twin)
    ends = lambda r: 1e3 * r.dt * np.arange(1, r.steps + 1)  # noqa: E731
    trace = lambda r: r.traces["hidden"]["v"][:, 0, neuron]  # noqa: E731
    axes[2].plot(ends(fine), trace(fine), color=FINE, lw=1, label="Brian2, 0.1 ms")
    axes[2].plot(ends(twin), trace(twin), "s", color=TWIN, ms=7, label="torch twin, 1 ms")
    axes[2].plot(ends(same), trace(same), "x", color=BRIAN2, ms=5, label="Brian2, 1 ms")
    axes[2].set(
        title=f"membrane of hidden neuron {neuron}, after the reset", xlabel="time (ms)", ylabel="v"
    )
    figure.savefig(target, dpi=150)


def main(network: str, target: str) -> None:
    """Draw one test digit."""
    draw(bb.load_network(network), load_dataset("digits", seed=1).test.x[SAMPLE], Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
