"""Draw how the rates of SPIDE's ternary neurons converge to the exact gradient at equilibrium.

    python studies/figures/spide_convergence.py [--hidden 50] [--samples 64]

The network has IF neurons and recurrent weights (64-50-10) and was trained on digits for three
epochs with exact gradients. The error is that of z over all neurons and samples, relative to the
exact z. Threshold and rest belong to the ternary neurons. A reset beyond zero is compared with two
resets to zero: one with the same threshold, and one with the same ``theta - rest``, which is the
value of a spike.
Writes studies/results/spide_convergence.json and .png. Needs the extra ``plot``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

import brianbridge as bb
from brianbridge.datasets import load_dataset
from brianbridge.network import Layer
from brianbridge.provenance import collect
from brianbridge.rules import Implicit, Spide
from brianbridge.rules.equilibrium.base import EquilibriumRule
from brianbridge.rules.equilibrium.state import Equilibrium
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training import train
from brianbridge.twin.network import NetworkTwin, to_torch

RESULTS = Path(__file__).parents[1] / "results"
STEPS = (30, 60, 100, 250, 500, 1000, 2500, 5000, 10_000)
SCALE, SEED = 0.5, 1
#: Threshold and rest of the ternary neurons, and the colour of their line.
RESETS = {
    "theta = 0.5, rest = -0.5": (0.5, -0.5, "#0b5fa5"),
    "theta = 0.5, rest = 0": (0.5, 0.0, "#e9a23b"),
    "theta = 1, rest = 0": (1.0, 0.0, "#c2410c"),
}


def trained(hidden: int) -> NetworkTwin:
    """Return the twin of a network that has learned a little, in double precision."""
    layers: list[Layer] = [
        bb.Dense(hidden, bb.neuron_model("if_rest")), bb.Recurrent(),
        bb.Dense(10, bb.neuron_model("if")),
    ]  # fmt: skip
    net = bb.SpikingNetwork.sequential(
        (8, 8), layers, encoding=bb.Current(30), readout="potential", seed=SEED, weight_gain=2.0
    )
    twin = to_torch(net)
    data = load_dataset("digits", seed=SEED).train
    train(twin, data, "implicit", seed=SEED, epochs=3, learning_rate=3e-3)
    return to_torch(write_back(twin), dtype=torch.float64)


def solution(
    rule: EquilibriumRule, twin: NetworkTwin, x: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return z of the neurons that have a gradient, and the rate of the ternary neurons."""
    kept: list[np.ndarray] = []

    class Kept(type(rule)):  # type: ignore[misc]
        def solve_gradients(
            self, twin: NetworkTwin, equilibrium: Equilibrium, given: Mapping[str, Tensor]
        ) -> Mapping[str, Tensor]:
            found: Mapping[str, Tensor] = super().solve_gradients(twin, equilibrium, given)
            kept.append((found["hidden"] * (equilibrium.slope["hidden"] > 0)).numpy())
            return found

    options = {name: value for name, value in rule.to_dict().items() if name != "name"}
    response = Kept(**options).respond(twin, *twin.encode(x))
    rule.loss(response.output, torch.as_tensor(labels)).backward()
    return kept[0], response.metrics.get("backward_rate", 0.0)


def measure(hidden: int, samples: int) -> list[dict[str, Any]]:
    """Return one row for each reset and number of steps."""
    twin = trained(hidden)
    data = load_dataset("digits", seed=SEED).train
    x, labels = data.x[:samples], data.y[:samples]
    exact, _ = solution(Implicit(tolerance=1e-12), twin, x, labels)
    rows = []
    for name, (theta, rest, _) in RESETS.items():
        for steps in STEPS:
            rule = Spide(steps=steps, scale=SCALE, backward_threshold=theta, backward_rest=rest)
            found, rate = solution(rule, twin, x, labels)
            error = float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
            rows.append({"reset": name, "steps": steps, "error": error, "backward_rate": rate})
    return rows


def slopes(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the slope of the log-log line of each reset."""
    found = {}
    for name in RESETS:
        errors = [r["error"] for r in rows if r["reset"] == name]
        found[name] = round(float(np.polyfit(np.log(STEPS), np.log(errors), 1)[0]), 3)
    return found


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Save the figure."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axis = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
    for name, slope in slopes(rows).items():
        line = [r for r in rows if r["reset"] == name]
        steps, errors = ([r[key] for r in line] for key in ("steps", "error"))
        label = f"{name.replace('theta', 'θ')}: slope {slope:.2f}".replace("-", "\N{MINUS SIGN}")
        axis.loglog(steps, errors, "o-", color=RESETS[name][2], ms=4, label=label)
    ends = np.array([STEPS[0], STEPS[-1]])
    lowest = min(r["error"] * r["steps"] for r in rows)
    axis.loglog(ends, 0.6 * lowest / ends, ":", color="#8a94a3", label="1/steps")
    axis.set(
        xlabel="steps of the backward stage", ylabel="relative error of z",
        title="Ternary spikes converge to the exact gradient",
    )  # fmt: skip
    axis.legend(frameon=False)
    figure.savefig(target, dpi=150)


def main() -> None:
    """Measure, draw, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=50)
    parser.add_argument("--samples", type=int, default=64)
    chosen = parser.parse_args()
    rows = measure(chosen.hidden, chosen.samples)
    command = (
        "python studies/figures/spide_convergence.py "
        f"--hidden {chosen.hidden} --samples {chosen.samples}"
    )
    result = {
        "rows": rows,
        "scale": SCALE,
        "slopes": slopes(rows),
        "provenance": collect(command=command, seed=SEED),
    }
    (RESULTS / "spide_convergence.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(rows, RESULTS / "spide_convergence.png")
    for row in rows:
        print(f"{row['reset']:24} {row['steps']:6} {row['error']:.2e} {row['backward_rate']:.3f}")
    print(result["slopes"])


if __name__ == "__main__":
    main()
