"""Train one network of a Brian2 user in four systems of units, with no option but the epochs.

    python studies/benchmarks/units.py [--epochs 20] [--seeds 5]

64 Poisson inputs, 40 and 10 leaky neurons, 50 steps of 1 ms; 800 of scikit-learn's digits for
training and 200 for the test. The neurons are dimensionless, in millivolts with synapses that add
to the potential, or with synapses that add a decaying current in amperes or a decaying conductance
in siemens. Their initial weights have the same effect at rest. `bb.from_brian2` reads each network,
`bb.train` gets the number of epochs, and the test runs in Brian2. The four mean accuracies should
end within 2 points of each other. Writes studies/results/units.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, Mohm, Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, nS
from sklearn.datasets import load_digits

import brianbridge as bb
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
STEPS, DT, RATE, SPREAD, POINTS = 50 * ms, 1 * ms, 400 * Hz, 0.06, 2.0
CONSTANTS = {
    "tau": 10 * ms, "ts": 5 * ms, "EL": -70 * mV, "VT": -55 * mV, "R": 100 * Mohm, "gL": 10 * nS,
}  # fmt: skip
FIRING = {"threshold": "v > VT", "reset": "v = EL"}
#: Equations, method, variable that receives, and the weight that adds one threshold at rest.
NETWORKS: dict[str, tuple[str, str, str, Any]] = {
    "dimensionless": ("dv/dt = -v/tau : 1", "exact", "v", 1.0),
    "volt": ("dv/dt = (EL - v)/tau : volt", "exact", "v", 15 * mV),
    "amp": (
        "dv/dt = (EL + R*I - v)/tau : volt\ndI/dt = -I/ts : amp", "exact", "I",
        15 * mV / (100 * Mohm) * 2,
    ),
    "siemens": (
        "dv/dt = (EL - v + g/gL*(0*mV - v))/tau : volt\ndg/dt = -g/ts : siemens",
        "exponential_euler", "g", 10 * nS * (15 / 70) * 2,
    ),
}  # fmt: skip


def user_network(unit: str, seed: int) -> Network:
    """Return the network as the user has it, with random weights."""
    equations, method, receive, one = NETWORKS[unit]
    draw = np.random.default_rng(seed)
    plain = unit == "dimensionless"
    firing = {"threshold": "v > 1", "reset": "v = 0"} if plain else FIRING
    pixels = PoissonGroup(64, rates=RATE, dt=DT, name="pixels")
    groups = [pixels]
    for name, size in (("hidden", 40), ("digits", 10)):
        group = NeuronGroup(
            size, equations, method=method, dt=DT, name=name, namespace=CONSTANTS, **firing
        )
        group.v = 0 if plain else CONSTANTS["EL"]
        groups.append(group)
    wires = []
    for source, target in pairwise(groups):
        dimension = "1" if plain else unit
        synapses = Synapses(source, target, f"w : {dimension}", on_pre=f"{receive}_post += w")
        synapses.connect()
        synapses.w = draw.normal(0, SPREAD, len(synapses)) * one
        wires.append(synapses)
    return Network(*groups, *wires)


def accuracy(unit: str, seed: int, epochs: int) -> float:
    """Return the share of the test that a trained network gets right."""
    x, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(seed).permutation(len(x))[:1000]
    x, y = x[chosen] / 16, y[chosen]
    net = bb.from_brian2(user_network(unit, seed), steps=STEPS, input="pixels", output="digits")
    twin = bb.to_torch(net)
    bb.train(twin, bb.from_arrays("digits", x[:800], y[:800]), epochs=epochs)
    trained = bb.write_back(twin)
    found = bb.simulate(trained, x[800:], seed=seed).output.argmax(1)
    return float(np.mean(found == y[800:]))


def main() -> None:
    """Train all networks and write the results."""
    parser = argparse.ArgumentParser(description="One network in four systems of units.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    started, rows = time.perf_counter(), {}
    for unit in NETWORKS:
        each = [accuracy(unit, seed, given.epochs) for seed in range(given.seeds)]
        rows[unit] = {"accuracy": float(np.mean(each)), "each": each}
    means = [row["accuracy"] for row in rows.values()]
    written = {
        "command": f"python studies/benchmarks/units.py --epochs {given.epochs} "
        f"--seeds {given.seeds}",
        "seconds": time.perf_counter() - started, "rows": rows,
        "points_apart": round(100 * (max(means) - min(means)), 6), "bound": POINTS,
        "provenance": collect(seed=list(range(given.seeds))),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "units.json").write_text(json.dumps(written, indent=2) + "\n")
    (RESULTS / "units.md").write_text(table(written))
    print(table(written))


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    provenance, rows = written["provenance"], written["rows"]
    apart, bound = written["points_apart"], written["bound"]
    lines = [
        "# One network in four systems of units", "",
        f"Written by `{written['command']}`, {provenance['date'][:10]}, torch "
        f"{provenance['versions']['torch']}, brian2 {provenance['versions']['brian2']}, in "
        f"{written['seconds']:.0f} s. 64-40-10 neurons, 800 digits for training and 200 for the "
        "test, which runs in Brian2. `bb.train` gets the number of epochs and no other option.", "",
        "| units | mean accuracy | each seed |", "|---|---|---|",
    ]  # fmt: skip
    for unit, row in rows.items():
        each = ", ".join(f"{one:.1%}" for one in row["each"])
        lines.append(f"| {unit} | {row['accuracy']:.1%} | {each} |")
    word = "within" if apart <= bound else "not within"
    lines += ["", f"The means are {apart:.1f} points apart, {word} the bound of {bound:g} points."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
