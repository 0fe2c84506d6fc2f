"""Time the twin of a Hodgkin-Huxley neuron with 1,000 sets of parameters beside Brian2's Cython.

    python studies/benchmarks/many_starts.py [--rounds 5]

Each neuron has three conductances of its own, which have gradients in the twin. Both take turns in
one process with one thread; times are CPU seconds after a first run of each. Writes
studies/results/many_starts.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brian2 import Network, NeuronGroup, cm, ms, msiemens, mV, nA, prefs, siemens, ufarad, umetre

import brianbridge as bb
from brianbridge.provenance import collect
from brianbridge.twin import PopulationTwin

RESULTS = Path(__file__).parents[1] / "results"
NEURONS, STEPS, DT = 1000, 500, 0.01 * ms
EQUATIONS = """
dv/dt = (g_L*(E_L-v) - g_Na*m**3*h*(v-E_Na) - g_K*n**4*(v-E_K) + I)/C : volt
dm/dt = 0.32*4/exprel((13*mV-v+V_T)/(4*mV))/ms*(1-m) - 0.28*5/exprel((v-V_T-40*mV)/(5*mV))/ms*m : 1
dn/dt = 0.032*5/exprel((15*mV-v+V_T)/(5*mV))/ms*(1-n) - 0.5*exp((10*mV-v+V_T)/(40*mV))/ms*n : 1
dh/dt = 0.128*exp((17*mV-v+V_T)/(18*mV))/ms*(1-h) - 4./(1+exp((40*mV-v+V_T)/(5*mV)))/ms*h : 1
I : amp
"""
AREA = 20_000 * umetre**2
LEARNED = ("g_L", "g_Na", "g_K")
PARAMETERS = {
    "C": 1 * ufarad / cm**2 * AREA, "g_L": 5e-5 * siemens / cm**2 * AREA,
    "g_Na": 100 * msiemens / cm**2 * AREA, "g_K": 30 * msiemens / cm**2 * AREA,
    "E_L": -65 * mV, "E_Na": 50 * mV, "E_K": -90 * mV, "V_T": -63 * mV,
}  # fmt: skip


def in_brian2() -> Callable[[], None]:
    """Return a run in Brian2."""
    prefs.codegen.target = "cython"
    group = NeuronGroup(NEURONS, EQUATIONS, method="exponential_euler", namespace=PARAMETERS, dt=DT)
    group.v, group.I = -65 * mV, 1 * nA
    network = Network(group)
    return lambda: network.run(STEPS * DT)


def in_the_twin(backward: bool) -> Callable[[], None]:
    """Return a run of the twin, with or without the gradient of its trace."""
    model = bb.NeuronModel(
        EQUATIONS, emit="", drive="I", method="exponential_euler", parameters=PARAMETERS,
        initial={"v": "-65 mV"},
    )  # fmt: skip
    twin = PopulationTwin(model, (1,), DT, learned=LEARNED, dtype=torch.float64)
    values = {
        name: torch.full((NEURONS, 1), float(PARAMETERS[name]), dtype=torch.float64)
        for name in LEARNED
    }
    drive = torch.full((NEURONS, 1), 1e-9, dtype=torch.float64)

    def run() -> None:
        given = {n: v.requires_grad_(backward) for n, v in values.items()}
        record = ("v",) if backward else ()
        found = twin.run(drive=drive, steps=STEPS, batch=NEURONS, parameters=given, record=record)
        if backward:
            found.traces["v"].square().sum().backward()

    return run


def measured(rounds: int) -> dict[str, float]:
    """Return nanoseconds per neuron and step, medians of some rounds."""
    runs = {"brian2": in_brian2(), "forward": in_the_twin(False), "both": in_the_twin(True)}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {n: float(np.median(s[1:])) / (NEURONS * STEPS) * 1e9 for n, s in seconds.items()}


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    found, provenance = written["nanoseconds"], written["provenance"]
    rows = (("Brian2, Cython", "brian2"), ("twin, forward", "forward"))
    rows += (("twin, forward and backward", "both"),)
    return "\n".join(
        [
            "# A Hodgkin-Huxley neuron with 1,000 sets of parameters", "",
            f"Written by `{written['command']}`, {provenance['date'][:10]}, "
            f"{provenance['machine']['cores']} cores, one of them used. {STEPS} steps of 0.01 ms.",
            "", "| | ns per neuron and step | ratio |", "|---|---|---|",
            *(
                f"| {what} | {found[name]:.0f} | {found[name] / found['brian2']:.2f} |"
                for what, name in rows
            ),
        ]
    ) + "\n"  # fmt: skip


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description="Time a neuron with many sets of parameters.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    written = {
        "command": f"python studies/benchmarks/many_starts.py --rounds {rounds}",
        "nanoseconds": measured(rounds), "provenance": collect(seed=0),
    }  # fmt: skip
    (RESULTS / "many_starts.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "many_starts.md").write_text(table(written))
    print(table(written))


if __name__ == "__main__":
    main()
