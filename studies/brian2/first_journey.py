"""Train a Brian2 user's own network on digits: the first journey, from `PoissonGroup` to accuracy.

    python studies/brian2/first_journey.py [--epochs 40]

64 Poisson inputs, 100 and 10 leaky neurons in millivolts with a refractory period, a clock of
0.1 ms and 100 ms a sample; scikit-learn's digits, 1,437 for training and 360 for the test. The
network is read with a step of 1 ms, trained with no option but the number of epochs, and written
back. The test runs in Brian2 at 1 ms, as trained, and at the user's own 0.1 ms.
Writes studies/results/first_journey.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, defaultclock, ms, mV, seed
from sklearn.datasets import load_digits

import brianbridge as bb
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
SEED, STEP = 3, 1 * ms
EQUATIONS = "dv/dt = (-70*mV - v)/(10*ms) : volt (unless refractory)"


def user_network() -> Network:
    """Return the network as the user has it, with random weights."""
    seed(SEED)
    defaultclock.dt = 0.1 * ms
    pixels = PoissonGroup(64, rates=200 * Hz, name="pixels")
    options: dict[str, Any] = {
        "threshold": "v > -55*mV", "reset": "v = -70*mV", "refractory": 2 * ms, "method": "exact",
    }  # fmt: skip
    hidden = NeuronGroup(100, EQUATIONS, name="hidden", **options)
    digits = NeuronGroup(10, EQUATIONS, name="digits", **options)
    hidden.v = digits.v = -70 * mV
    wires = []
    for source, target in ((pixels, hidden), (hidden, digits)):
        wires.append(Synapses(source, target, "w : volt", on_pre="v_post += w"))
        wires[-1].connect()
        wires[-1].w = "randn()*2*mV + 1*mV"
    return Network(pixels, hidden, digits, *wires)


def main() -> None:
    """Train the network, test it in Brian2, and write the results."""
    parser = argparse.ArgumentParser(description="The first journey of a Brian2 user.")
    parser.add_argument("--epochs", type=int, default=40)
    epochs = parser.parse_args().epochs
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, train, test = x / 16, order[:1437], order[1437:]

    mine = user_network()
    start = time.perf_counter()
    net = bb.from_brian2(mine, steps=100 * ms, dt=STEP, input="pixels", output="digits")
    twin = bb.to_torch(net)
    result = bb.train(twin, bb.from_arrays("digits", x[train], y[train]), epochs=epochs)
    trained = bb.write_back(twin, into=mine)
    seconds = time.perf_counter() - start

    rows = {}
    for name, dt in (("1 ms, as trained", STEP), ("0.1 ms, the user's own", 0.1 * ms)):
        found = bb.simulate(trained, x[test], dt=dt, seed=SEED)
        rows[name] = {
            "accuracy": float((found.output.argmax(1) == y[test]).mean()),
            "hidden_spikes": float(found.counts["hidden"].sum() / len(test)),
            "output_spikes": float(found.counts["digits"].sum() / len(test)),
        }
    written = {
        "command": f"python studies/brian2/first_journey.py --epochs {epochs}",
        "seconds": seconds, "epochs": epochs, "best_epoch": result.best_epoch, "rows": rows,
        "train_accuracy": result.curve["train_accuracy"], "provenance": collect(seed=SEED),
    }  # fmt: skip
    (RESULTS / "first_journey.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "first_journey.md").write_text(table(written))
    print(table(written))


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# The first journey of a Brian2 user", "",
        f"Written by `{written['command']}`, {written['provenance']['date'][:10]}, "
        f"on {written['provenance']['machine']['cores']} cores. Reading, training "
        f"({written['epochs']} epochs, no other option) and writing back took "
        f"{written['seconds']:.0f} s.", "",
        "| step in Brian2 | accuracy on 360 digits | spikes of 100 neurons | of 10 neurons |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for name, row in written["rows"].items():
        lines.append(
            f"| {name} | {row['accuracy']:.1%} | {row['hidden_spikes']:.0f} | "
            f"{row['output_spikes']:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
