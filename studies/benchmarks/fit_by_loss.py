"""Fit a Hodgkin-Huxley neuron by a loss in torch, beside the fit to its traces.

    python studies/benchmarks/fit_by_loss.py [--seeds 3]

Three conductances, three sweeps of 10 ms at 0.05 ms, without noise. The loss is the mean squared
difference from the traces, given as a function of the user's; the other fit gets the traces,
and follows them. Times are CPU seconds with one thread. Writes studies/results/fit_by_loss.json
and .md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brian2 import Network, StateMonitor

import brianbridge as bb
from brianbridge.fitting.driven import driven
from brianbridge.provenance import collect

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "fitting"))
from hodgkin_huxley import DT, RANGES, TRUTH, currents, neuron  # noqa: E402

RESULTS = ROOT / "studies" / "results"
STEPS, STARTS, ITERATIONS = 200, 16, 60


def recorded() -> tuple[Any, Any]:
    """Return the currents and the potentials of the true neuron, (sweeps, times)."""
    current = currents()[:, 40 : 40 + STEPS]
    group = driven(neuron(), "I", current, float(DT)).group(len(current), dt=DT)
    monitor = StateMonitor(group, "v", record=True)
    Network(group, monitor).run(STEPS * DT)
    return current, monitor.v[:]


def measured(current: Any, traces: Any, seed: int) -> dict[str, dict[str, float]]:
    """Return loss, largest error and time of both fits from the same starts."""
    target = torch.as_tensor(np.asarray(traces))

    def loss(found: dict[str, torch.Tensor], spikes: Any) -> torch.Tensor:
        return (found["v"] - target).square().mean() / target.var()

    ways = {
        "loss": {"loss": loss, "record": ["v"], "iterations": ITERATIONS},
        "traces": {"target": {"v": traces}},
    }
    results = {}
    for name, given in ways.items():
        began = time.process_time()
        fit = bb.fit(
            neuron(), input=current, dt=DT, learn=RANGES, starts=STARTS, seed=seed, **given
        )  # fmt: skip
        seconds = time.process_time() - began
        errors = [abs(float(v) / float(TRUTH[k]) - 1) for k, v in fit.parameters.items()]
        found = sum(one.loss < 1e-6 for one in fit.starts)
        results[name] = {
            "loss": fit.loss, "error": max(errors), "seconds": seconds, "starts_at_truth": found,
        }  # fmt: skip
    return results


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    provenance = written["provenance"]
    rows = [
        f"| {seed} | {way} | {one['loss']:.1e} | {one['error']:.1e} | {one['seconds']:.1f} |"
        for seed, both in enumerate(written["seeds"])
        for way, one in both.items()
    ]
    return "\n".join(
        [
            "# A Hodgkin-Huxley neuron fitted by a loss in torch", "",
            f"Written by `{written['command']}`, {provenance['date'][:10]}, "
            f"{provenance['machine']['cores']} cores, one of them used. Three conductances, three "
            f"sweeps of {STEPS} steps, {STARTS} starts, {ITERATIONS} iterations.", "",
            "| seed | fit by | loss | largest error of a conductance | CPU seconds |",
            "|---|---|---|---|---|", *rows,
        ]
    ) + "\n"  # fmt: skip


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description="Fit a neuron by a loss in torch.")
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    current, traces = recorded()
    written = {
        "command": f"python studies/benchmarks/fit_by_loss.py --seeds {seeds}",
        "seeds": [measured(current, traces, seed) for seed in range(seeds)],
        "provenance": collect(seed=0),
    }  # fmt: skip
    (RESULTS / "fit_by_loss.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "fit_by_loss.md").write_text(table(written))
    print(table(written))


if __name__ == "__main__":
    main()
