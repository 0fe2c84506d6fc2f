"""Fit three neurons to the spikes that they fired, and predict spikes for other input.

    python studies/benchmarks/fit_spikes.py [--seeds 10] [--models lif,adex,izhikevich]

Each neuron gets 10 s of a fluctuating current (an Ornstein-Uhlenbeck process of 5 ms, another one
for each seed) at 0.1 ms and fires about 30 times a second. `bb.fit` sees the current and the spike
times. The fitted neuron then gets 10 s of another current, and its spikes are compared with those
of the true one: the coincidence factor at 2 ms. Writes studies/results/fit_spikes.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Mohm, Network, SpikeMonitor, ms, mV, nS, pA, pF
from scipy.signal import lfilter

import brianbridge as bb
from brianbridge.fitting.driven import driven
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
DT, STEPS, TAU, BOUND, STARTS = 0.1 * ms, 100_000, 5 * ms, 0.9, 16
#: Neuron, ranges, mean and deviation of the input.
MODELS: dict[str, tuple[bb.NeuronModel, dict[str, Any], Any, Any]] = {
    "lif": (
        bb.NeuronModel(
            "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > V_T", reset="v = V_r",
            parameters={
                "E_L": -70 * mV, "R": 100 * Mohm, "tau": 15 * ms, "V_T": -50 * mV, "V_r": -62 * mV,
            },
            initial={"v": "E_L"}, drive="I", receive="",
        ),
        {"tau": (2 * ms, 100 * ms), "R": (10 * Mohm, 1000 * Mohm), "V_r": (-80 * mV, -52 * mV)},
        200 * pA, 100 * pA,
    ),
    "adex": (
        bb.NeuronModel(
            "dv/dt = (g_L*(E_L - v) + g_L*D_T*exp((v - V_T)/D_T) - w + I)/C : volt\n"
            "dw/dt = (a*(v - E_L) - w)/tau_w : amp\nI : amp",
            threshold="v > V_T + 5*D_T", reset="v = V_r\nw += b", method="exponential_euler",
            parameters={
                "E_L": -70 * mV, "g_L": 10 * nS, "C": 200 * pF, "D_T": 2 * mV, "V_T": -50 * mV,
                "V_r": -58 * mV, "a": 2 * nS, "b": 40 * pA, "tau_w": 100 * ms,
            },
            initial={"v": "E_L"}, drive="I", receive="",
        ),
        {
            "g_L": (2 * nS, 40 * nS), "C": (50 * pF, 800 * pF), "V_T": (-60 * mV, -40 * mV),
            "V_r": (-75 * mV, -50 * mV), "b": (5 * pA, 300 * pA), "tau_w": (20 * ms, 500 * ms),
        },
        400 * pA, 250 * pA,
    ),
    "izhikevich": (
        bb.NeuronModel(
            "dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I)/ms : volt\n"
            "du/dt = a*(b*v - u)/ms : volt\nI : volt",
            threshold="v > 30*mV", reset="v = c\nu += d", method="euler",
            parameters={"a": 0.02, "b": 0.2, "c": -65 * mV, "d": 8 * mV},
            initial={"v": -65 * mV, "u": -13 * mV}, drive="I", receive="",
        ),
        {
            "a": (0.005, 0.2), "b": (0.1, 0.3), "c": (-75 * mV, -45 * mV),
            "d": (0.5 * mV, 20 * mV),
        },
        8 * mV, 6 * mV,
    ),
    # Of Teeter et al. 2018, who fix the time constants of the after-spike currents too.
    "glif": (
        bb.NeuronModel(
            "dv/dt = (g_L*(E_L - v) + A_1 + A_2 + I)/C : volt (unless refractory)\n"
            "dA_1/dt = -A_1/tau_1 : amp\ndA_2/dt = -A_2/tau_2 : amp\n"
            "dth_s/dt = -th_s/tau_s : volt\ndth_v/dt = (a*(v - E_L) - th_v)/tau_v : volt\n"
            "theta = V_T + th_s + th_v : volt\nI : amp",
            threshold="v > theta", refractory=2 * ms, method="exponential_euler",
            reset="v = V_r\nA_1 += d_1\nA_2 += d_2\nth_s += d_s",
            parameters={
                "E_L": -70 * mV, "g_L": 5 * nS, "C": 100 * pF, "V_T": -52 * mV, "V_r": -62 * mV,
                "d_1": -80 * pA, "d_2": -15 * pA, "tau_1": 10 * ms, "tau_2": 100 * ms,
                "d_s": 4 * mV, "tau_s": 30 * ms, "a": 0.15, "tau_v": 50 * ms,
            },
            initial={"v": "E_L"}, drive="I", receive="",
        ),
        {
            "g_L": (1 * nS, 30 * nS), "C": (30 * pF, 500 * pF), "V_T": (-62 * mV, -40 * mV),
            "d_1": (-300 * pA, 100 * pA), "d_2": (-100 * pA, 50 * pA), "d_s": (0 * mV, 20 * mV),
            "tau_s": (5 * ms, 200 * ms), "a": (0, 0.5),
        },
        220 * pA, 140 * pA,
    ),
}  # fmt: skip


def fluctuating(mean: Any, deviation: Any, seed: int) -> Any:
    """Return an Ornstein-Uhlenbeck process, (1, times)."""
    decay = float(np.exp(-DT / TAU))
    noise = np.random.default_rng(seed).normal(size=STEPS) * np.sqrt(1 - decay**2)
    return (mean + deviation * lfilter([1], [1, -decay], noise))[None]


def fired(model: bb.NeuronModel, values: Any) -> list[Any]:
    """Return the spike times of a neuron."""
    group = driven(model, "I", values, float(DT)).group(1, dt=DT)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(STEPS * DT)
    return [monitor.t[:]]


def run(name: str, seed: int) -> dict[str, Any]:
    """Fit one neuron, and predict its spikes for other input."""
    model, ranges, mean, deviation = MODELS[name]
    values, other = (fluctuating(mean, deviation, s) for s in (seed, 1000 + seed))
    spikes = fired(model, values)
    found = bb.fit(
        model, input=values, target=spikes, dt=DT, learn=ranges, starts=STARTS, seed=seed
    )
    errors = {k: float(v) / float(model.parameters[k]) - 1 for k, v in found.parameters.items()}
    return {
        "spikes": len(spikes[0]), "fitted": found.coincidence,
        "held_out": found.score(other, fired(model, other)), "seconds": found.seconds,
        "largest_error": max(abs(one) for one in errors.values()), "errors": errors,
    }  # fmt: skip


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    versions = written["provenance"]["versions"]
    lines = [
        "# Fit neurons to spike trains", "",
        f"Written by `{written['command']}`, {written['provenance']['date'][:10]}, brian2 "
        f"{versions['brian2']}, in {written['seconds']:.0f} s. 10 s of fluctuating current at 0.1 "
        "ms; coincidence factors at 2 ms, for the current of the fit and for another one.", "",
        "| neuron | parameters | spikes | fitted, median | held out, median | least | at least 0.9 "
        "| largest error, median | time, median |", "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, each in written["rows"].items():
        held = [one["held_out"] for one in each]
        median = {k: np.median([one[k] for one in each]) for k in each[0] if k != "errors"}
        lines.append(
            f"| {name} | {len(each[0]['errors'])} | {median['spikes']:.0f} | "
            f"{median['fitted']:.3f} | {np.median(held):.3f} | {min(held):.3f} | "
            f"{sum(one >= BOUND for one in held)} of {len(held)} | "
            f"{median['largest_error']:.1%} | {median['seconds']:.0f} s |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fit all neurons and write the results."""
    parser = argparse.ArgumentParser(description="Fit neurons to spike trains.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--models", default=",".join(MODELS))
    given = parser.parse_args()
    started, rows = time.perf_counter(), {}
    for name in given.models.split(","):
        rows[name] = []
        for seed in range(given.seeds):
            rows[name].append(run(name, seed))
            print(name, seed, rows[name][-1], flush=True)
    written = {
        "command": f"python studies/benchmarks/fit_spikes.py --seeds {given.seeds} --models "
        f"{given.models}",
        "seconds": time.perf_counter() - started, "rows": rows,
        "provenance": collect(seed=list(range(given.seeds))),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fit_spikes.json").write_text(json.dumps(written, indent=2) + "\n")
    (RESULTS / "fit_spikes.md").write_text(table(written))
    print(table(written))


if __name__ == "__main__":
    main()
