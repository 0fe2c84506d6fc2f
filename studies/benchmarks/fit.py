"""Fit a Hodgkin-Huxley neuron to voltage traces, beside brian2modelfitting.

    python studies/benchmarks/fit.py [--seeds 10] [--noise 1] [--without-baseline]

The recording is made by the model: three steps of current of 50 ms at dt = 0.01 ms. `bb.fit` finds
three conductances, or ten parameters (conductances, reversal potentials, capacity, threshold and
two kinetic rates), from the recording as it is and with white noise of 1 mV. brian2modelfitting 0.4
gets differential evolution: 20 rounds of 60 samples for three parameters; for ten, as many rounds
as take the time of `bb.fit`. It runs beside current packages with names that these removed put
back, and with nevergrad 0.3.2. Compiled code is found in Brian2's cache after one fit of each kind,
which does not count. One process, OMP_NUM_THREADS=1. Writes studies/results/fit.json and .md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import (
    Network,
    StateMonitor,
    cmetre,
    ms,
    msiemens,
    mV,
    nA,
    ufarad,
    umetre,
)

import brianbridge as bb
from brianbridge.fitting.driven import driven
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
DT, STEPS, CURRENTS = 0.01 * ms, 5000, (0.25, 0.5, 1.0)
AREA = 20000 * umetre**2
MS = msiemens * cmetre**-2 * AREA
EQUATIONS = """
dv/dt = (g_l*(E_l - v) - g_na*(m*m*m)*h*(v - E_na) - g_k*(n*n*n*n)*(v - E_k) + I)/C : volt
dm/dt = a_m*4/exprel((13*mV - v + VT)/(4*mV))/ms*(1 - m)
        - 0.28*5/exprel((v - VT - 40*mV)/(5*mV))/ms*m : 1
dn/dt = a_n*5/exprel((15*mV - v + VT)/(5*mV))/ms*(1 - n)
        - 0.5*exp((10*mV - v + VT)/(40*mV))/ms*n : 1
dh/dt = 0.128*exp((17*mV - v + VT)/(18*mV))/ms*(1 - h)
        - 4/(1 + exp((40*mV - v + VT)/(5*mV)))/ms*h : 1
"""
TRUTH = {
    "g_na": 100 * MS, "g_k": 30 * MS, "g_l": 0.05 * MS, "E_na": 50 * mV, "E_k": -90 * mV,
    "E_l": -65 * mV, "C": 1 * ufarad * cmetre**-2 * AREA, "VT": -63 * mV, "a_m": 0.32,
    "a_n": 0.032,
}  # fmt: skip
RANGES = {
    "g_na": (1 * MS, 200 * MS), "g_k": (1 * MS, 100 * MS), "g_l": (0.001 * MS, 1 * MS),
    "E_na": (30 * mV, 80 * mV), "E_k": (-110 * mV, -70 * mV), "E_l": (-80 * mV, -50 * mV),
    "C": (TRUTH["C"] / 3, TRUTH["C"] * 3), "VT": (-75 * mV, -50 * mV), "a_m": (0.1, 1.0),
    "a_n": (0.01, 0.1),
}  # fmt: skip
#: Parameters, starts of `bb.fit` and the error that each parameter may have.
PROBLEMS = {"three": (3, 16, 1e-3), "ten": (10, 32, 1e-2)}
ROUNDS, SAMPLES = 20, 60


def equations() -> str:
    """Return the equations with one on each line."""
    return EQUATIONS.strip().replace("\n        ", " ")


def currents() -> Any:
    """Return the input, (sweeps, times): a step of 40 ms in each sweep."""
    shape = np.zeros(STEPS)
    shape[500:4500] = 1
    return np.outer(CURRENTS, shape) * nA


def neuron() -> bb.NeuronModel:
    """Return the neuron with its true parameters."""
    return bb.NeuronModel(
        f"{equations()}\nI : amp", parameters=TRUTH, initial={"v": -65 * mV}, drive="I",
        method="exponential_euler", receive="",
    )  # fmt: skip


def recording() -> Any:
    """Return the recorded potential, (sweeps, times)."""
    group = driven(neuron(), "I", currents(), float(DT)).group(len(CURRENTS), dt=DT)
    monitor = StateMonitor(group, "v", record=True)
    Network(group, monitor).run(STEPS * DT)
    return monitor.v[:]


def our_fit(names: list[str], starts: int, target: Any, seed: int) -> dict[str, Any]:
    """Fit some parameters with `bb.fit`."""
    started = time.perf_counter()
    found = bb.fit(
        neuron(), input=currents(), target={"v": target}, dt=DT, starts=starts, seed=seed,
        learn={name: RANGES[name] for name in names},
    )  # fmt: skip
    seconds = time.perf_counter() - started
    return {**errors(found.parameters), "seconds": seconds, "mse": float(found.rms["v"] / mV) ** 2}


def errors(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the relative error of each parameter, and the largest one."""
    each = {k: abs(float(v) / float(TRUTH[k]) - 1) for k, v in parameters.items()}
    return {"errors": each, "largest": max(each.values())}


def their_fit(names: list[str], target: Any, seed: int, rounds: int) -> dict[str, Any]:
    """Fit the same parameters with brian2modelfitting."""
    import brian2modelfitting as package

    np.random.seed(seed)
    brian2.seed(seed)
    units = {"g": "siemens", "E": "volt", "C": "farad", "V": "volt", "a": "1"}
    declared = "\n".join(
        f"{name} : {units[name[0]]} (constant)"
        if name in names
        else f"{name} = {float(value)!r}*{units[name[0]].replace('1', '1.0')} : {units[name[0]]}"
        for name, value in TRUTH.items()
    )
    started = time.perf_counter()
    fitter = package.TraceFitter(
        model=f"{equations()}\n{declared}", input_var="I", output_var="v", input=currents(),
        output=target, dt=DT, n_samples=SAMPLES, method="exponential_euler",
        param_init={"v": -65 * mV},
    )  # fmt: skip
    best, error = fitter.fit(
        n_rounds=rounds, optimizer=package.NevergradOptimizer("DE"), metric=package.MSEMetric(),
        callback=None, **{name: list(RANGES[name]) for name in names},
    )  # fmt: skip
    seconds = time.perf_counter() - started
    return {**errors(best), "seconds": seconds, "mse": float(error) * 1e6, "rounds": rounds}


def patch_baseline() -> bool:
    """Put back what brian2modelfitting 0.4 needs; return whether it is installed."""
    if importlib.util.find_spec("brian2modelfitting") is None:
        return False
    import bayes_opt

    for name, value in (("NaN", np.nan), ("float", float), ("float_", np.float64), ("int", int)):
        if name not in np.__dict__:
            setattr(np, name, value)
    if not hasattr(bayes_opt, "UtilityFunction"):
        bayes_opt.UtilityFunction = object
    return True


def run(seeds: int, noise: float, baseline: bool) -> list[dict[str, Any]]:
    """Return one row for each problem, recording and program."""
    clean, rows = recording(), []
    for problem, (number, starts, bound) in PROBLEMS.items():
        names, rounds = list(TRUTH)[:number], ROUNDS
        for mv in (0.0, noise):
            targets = [
                clean + mv * mV * np.random.default_rng(seed).normal(size=clean.shape)
                for seed in range(seeds)
            ]
            our_fit(names, starts, targets[0], 0)  # compiles
            ours = [our_fit(names, starts, target, s) for s, target in enumerate(targets)]
            rows.append({"problem": problem, "noise": mv, "by": "bb.fit", "each": ours})
            if baseline:
                took = their_fit(names, targets[0], 0, 2)["seconds"]
                if problem == "ten":
                    took = their_fit(names, targets[0], 0, 2)["seconds"] / 2
                    rounds = max(2, round(np.mean([one["seconds"] for one in ours]) / took))
                theirs = [their_fit(names, target, s, rounds) for s, target in enumerate(targets)]
                rows.append(
                    {"problem": problem, "noise": mv, "by": "brian2modelfitting", "each": theirs}
                )
            for row in rows[-1 - baseline :]:
                row["bound"] = bound
                print(line(row), flush=True)
    return rows


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    each = row["each"]
    largest = [one["largest"] for one in each]
    good = sum(one <= row["bound"] for one in largest)
    seconds = [one["seconds"] for one in each]
    cells = [
        row["problem"], f"{row['noise']:g} mV", row["by"], f"{good} of {len(each)}",
        f"{np.median(largest):.2g}", f"{max(largest):.2g}", f"{np.median(seconds):.1f} s",
        f"{max(seconds):.1f} s", f"{np.median([one['mse'] for one in each]):.3g}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    provenance = written["provenance"]
    versions = provenance["versions"]
    lines = [
        "# Fit a Hodgkin-Huxley neuron to voltage traces", "",
        f"Written by `{written['command']}`, {provenance['date'][:10]}, brian2 "
        f"{versions['brian2']}, in {written['seconds']:.0f} s. Three sweeps of 50 ms at 0.01 ms. "
        "A fit is good if every parameter is within 0.1 % (three parameters) or 1 % (ten) of the "
        "truth. Time is that of a whole fit, with compiled code in the cache.", "",
        "| parameters | noise | by | good fits | median of largest error | worst | median time "
        "| longest | median error, mV² |", "|---|---|---|---|---|---|---|---|---|",
        *(line(row) for row in written["rows"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fit everything and write the results."""
    parser = argparse.ArgumentParser(description="Fit a Hodgkin-Huxley neuron to its traces.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--noise", type=float, default=1.0, help="noise of the recording, in mV")
    parser.add_argument("--without-baseline", action="store_true")
    given = parser.parse_args()
    started = time.perf_counter()
    rows = run(given.seeds, given.noise, patch_baseline() and not given.without_baseline)
    written = {
        "command": f"python studies/benchmarks/fit.py --seeds {given.seeds} --noise "
        f"{given.noise:g}" + (" --without-baseline" if given.without_baseline else ""),
        "seconds": time.perf_counter() - started, "rows": rows,
        "provenance": collect(seed=list(range(given.seeds))),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fit.json").write_text(json.dumps(written, indent=2) + "\n")
    (RESULTS / "fit.md").write_text(table(written))
    print(table(written))


if __name__ == "__main__":
    main()
