"""Fit four neurons to the spikes that they fired, and predict spikes for other input.

    python studies/benchmarks/fit_spikes.py [--seeds 10] [--models lif,adex,izhikevich,glif]
        [--peer] [--workers 1] [--go-on]

Each neuron gets 10 s of a fluctuating current (an Ornstein-Uhlenbeck process of 5 ms, another one
for each seed) at 0.1 ms and fires about 30 times a second. `bb.fit` sees the current and the spike
times. The fitted neuron then gets 10 s of another current, and its spikes are compared with those
of the true one: the coincidence factor at 2 ms.

With `--peer`, brian2modelfitting 0.4 fits the same spikes: SpikeFitter with GammaFactor, the same
equations, ranges and step, differential evolution of nevergrad 0.3.2 with rounds of 60 samples. It
ends with the round in which it has taken the processor time of `bb.fit`; its first round, in which
code is compiled, does not count. It runs beside current packages with names that these removed put
back (see fit.py). Its spikes are those of a plain Brian2 group with what it found.

Each fit is written to studies/results/fit_spikes.json when it is done, and the table to
fit_spikes.md; `--go-on` keeps the fits that are there. Times are processor times of one process,
with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import Network, SpikeMonitor, ms, second
from fit import patch_baseline
from scipy.signal import lfilter
from spiking_neurons import MODELS

import brianbridge as bb
from brianbridge.fitting.coincidence import coincidence
from brianbridge.fitting.driven import driven
from brianbridge.neurons.quantity_text import unit_name
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
DT, STEPS, TAU, BOUND, STARTS = 0.1 * ms, 100_000, 5 * ms, 0.9, 16
PRECISION, SAMPLES = 2 * ms, 60
PROGRAMS = ("bb.fit", "brian2modelfitting")


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


def our_fit(name: str, seed: int, values: Any, spikes: list[Any]) -> dict[str, Any]:
    """Fit with `bb.fit`, and return its parameters."""
    model, ranges, *_ = MODELS[name]
    return bb.fit(
        model, input=values, target=spikes, dt=DT, learn=ranges, starts=STARTS, seed=seed,
        precision=PRECISION,
    ).parameters  # fmt: skip


def their_fit(
    name: str, seed: int, values: Any, spikes: list[Any], seconds: float
) -> dict[str, Any]:
    """Fit with brian2modelfitting for a time, and return its parameters."""
    patch_baseline()
    import brian2modelfitting as package

    model, ranges, *_ = MODELS[name]
    np.random.seed(seed)
    brian2.seed(seed)
    kept = [line for line in model.equations.splitlines() if not line.startswith("I :")]
    dims = {k: brian2.get_dimensions(v) for k, v in model.parameters.items()}
    declared = [
        f"{k} : {unit_name(dim)} (constant)" if k in ranges
        else f"{k} = {float(model.parameters[k])!r}*{unit_name(dim)} : {unit_name(dim)}"
        for k, dim in dims.items()
    ]  # fmt: skip
    started: list[float] = []

    def over(*_: Any) -> bool:
        started.append(time.process_time())
        return started[-1] - started[0] >= seconds

    fitter = package.SpikeFitter(
        model="\n".join([*kept, *declared]), input=values, output=spikes, dt=DT, input_var="I",
        reset=model.reset, threshold=model.threshold_condition,
        refractory=model.refractory or False, n_samples=SAMPLES, method=model.method or "exact",
        param_init={k: model.initial[k] for k in model.initial},
    )  # fmt: skip
    best, _ = fitter.fit(
        n_rounds=10_000, optimizer=package.NevergradOptimizer("DE"),
        metric=package.GammaFactor(PRECISION, STEPS * DT), restart=True,
        callback=over,
        **{k: list(one) for k, one in ranges.items()},
    )  # fmt: skip
    return {k: brian2.Quantity(float(one), dim=dims[k]) for k, one in best.items()}


def run(by: str, name: str, seed: int, seconds: float | None) -> dict[str, Any]:
    """Fit one neuron, and predict its spikes for other input."""
    model, _, mean, deviation = MODELS[name]
    values, other = (fluctuating(mean, deviation, s) for s in (seed, 1000 + seed))
    spikes, held_out = fired(model, values), fired(model, other)
    started = time.process_time()
    if seconds is None:
        found = our_fit(name, seed, values, spikes)
    else:
        found = their_fit(name, seed, values, spikes, seconds)
    took = time.process_time() - started
    fitted = model.with_parameters(**found)
    errors = {k: float(v) / float(model.parameters[k]) - 1 for k, v in found.items()}
    return {
        "neuron": name, "seed": seed, "by": by, "spikes": len(spikes[0]),
        "fitted": gamma(fired(fitted, values), spikes),
        "held_out": gamma(fired(fitted, other), held_out), "seconds": took,
        "largest_error": max(map(abs, errors.values())), "errors": errors,
    }  # fmt: skip


def gamma(one: list[Any], other: list[Any]) -> float:
    """Return the coincidence factor of two recordings of one sweep."""
    return coincidence(one[0] / second, other[0] / second, float(PRECISION), float(STEPS * DT))


def runs(jobs: list[tuple[Any, ...]], workers: int) -> Iterator[dict[str, Any]]:
    """Run fits in a number of processes, and yield what comes first."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for one in as_completed([pool.submit(run, *job) for job in jobs]):
            yield one.result()


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    versions = written["provenance"]["versions"]
    lines = [
        "# Fit neurons to spike trains", "",
        f"Written by `{written['command']}`, {written['provenance']['date'][:10]}, brian2 "
        f"{versions['brian2']}. 10 s of fluctuating current at 0.1 ms; coincidence factors at 2 "
        "ms, for the current of the fit and for another one. The largest error is that of a "
        "parameter. Time is processor time of a fit.", "",
        "| neuron | parameters | spikes | by | fitted, median | held out, median | least "
        "| at least 0.9 | largest error, median | time, median |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in MODELS:
        for by in PROGRAMS:
            each = [one for one in written["rows"] if (one["neuron"], one["by"]) == (name, by)]
            if not each:
                continue
            held = [one["held_out"] for one in each]
            median = {
                k: np.median([one[k] for one in each])
                for k in ("spikes", "fitted", "largest_error", "seconds")
            }
            lines.append(
                f"| {name} | {len(each[0]['errors'])} | {median['spikes']:.0f} | {by} | "
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
    parser.add_argument("--peer", action="store_true", help="brian2modelfitting too")
    parser.add_argument("--workers", type=int, default=1, help="number of processes")
    parser.add_argument("--go-on", action="store_true", help="keep the fits of an earlier run")
    given = parser.parse_args()
    file, rows = RESULTS / "fit_spikes.json", []
    if given.go_on and file.is_file():
        rows = json.loads(file.read_text())["rows"]
    command = f"python studies/benchmarks/fit_spikes.py --seeds {given.seeds}"
    RESULTS.mkdir(exist_ok=True)
    for by in PROGRAMS[: 1 + given.peer]:
        ours = {(one["neuron"], one["seed"]): one for one in rows if one["by"] == PROGRAMS[0]}
        done = {(one["neuron"], one["seed"]) for one in rows if one["by"] == by}
        jobs = [
            (by, name, seed, None if by == PROGRAMS[0] else ours[name, seed]["seconds"])
            for seed in range(given.seeds)
            for name in given.models.split(",")
            if (name, seed) not in done
        ]
        for row in runs(jobs, given.workers):
            print({k: v for k, v in row.items() if k != "errors"}, flush=True)
            rows = sorted([*rows, row], key=lambda one: (one["neuron"], one["by"], one["seed"]))
            written = {
                "command": command + (" --peer" if given.peer else ""), "rows": rows,
                "provenance": collect(seed=list(range(given.seeds))),
            }  # fmt: skip
            file.write_text(json.dumps(written, indent=2) + "\n")
            (RESULTS / "fit_spikes.md").write_text(table(written))
    print((RESULTS / "fit_spikes.md").read_text())


if __name__ == "__main__":
    main()
