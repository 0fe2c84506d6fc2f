"""Check and time training on a GPU, beside other frameworks.

    python studies/benchmarks/gpu.py [--device cuda] [--quick]

First the tests with the marker `cuda` run: every rule, encoding and twin has the gradients of the
processor, and no step of training waits for the GPU. Then a step of training is timed for networks
of `brianbridge bench train`, for our rules and for the frameworks that are installed; contestants
take turns, and each row has the peak of the memory that torch gave out above what it held before.
A last table has a presentation that becomes longer, with and without `recompute`. It has not run on
a GPU yet, so the time that it takes there is not known. Writes studies/results/gpu.json and gpu.md.

`--device cpu --quick` tries the program where there is no GPU; it writes to a temporary folder and
prints where.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brianbridge.bench.learners import DEFINITION, Learner, contestants_of, learner_of
from brianbridge.bench.peers import PEERS, missing_peers
from brianbridge.bench.report import machine_and_versions
from brianbridge.bench.train_report import label_of
from brianbridge.bench.training_tasks import SHAPES, Setup, setup_of, task_of
from brianbridge.io.atomic import writable_folder, write_whole
from brianbridge.provenance import collect

ROOT = Path(__file__).parents[2]
#: The sizes of each network; `--quick` takes the smallest.
SETUPS = [
    setup_of("small"), setup_of("mlp"), setup_of("mlp", batch=1024), setup_of("cnn"),
    setup_of("recurrent"),
]  # fmt: skip
#: Steps of a presentation that becomes longer.
LONGER = (16, 64, 256, 1024)
SEED = 1

Row = dict[str, Any]


def tests(device: str) -> Row:
    """Run the tests that need this device; return how they ended."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/training"]
    command += ["-m", "cuda"] if device == "cuda" else ["-k", "cuda and processor"]
    started = time.perf_counter()
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    *_, last = (ran.stdout.strip() or ran.stderr.strip() or "pytest wrote nothing").splitlines()
    return {
        "command": " ".join(["python", *command[1:]]), "summary": last, "ok": not ran.returncode,
        "seconds": round(time.perf_counter() - started),
    }  # fmt: skip


def ready(device: str) -> None:
    """Wait until the GPU has done all that it was asked."""
    if device == "cuda":
        torch.cuda.synchronize()


def milliseconds(step: Callable[[], None], device: str) -> float:
    """Return the milliseconds of one step."""
    ready(device)
    started = time.perf_counter()
    step()
    ready(device)
    return 1e3 * (time.perf_counter() - started)


def peak_mb(learner: Learner, device: str) -> float | None:
    """Return the peak memory of a step above what torch held before it; None on a processor."""
    if device != "cuda":
        return None
    learner.optimizer.zero_grad()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    learner.step()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def side_by_side(setup: Setup, device: str, rounds: int) -> list[Row]:
    """Return a row for each contestant of a network."""
    task = task_of(setup)
    peers = [name for name in PEERS if name not in missing_peers()]
    learners = {name: learner_of(name, task, device=device) for name in contestants_of(task, peers)}
    times: dict[str, list[float]] = {name: [] for name in learners}
    for _ in range(rounds + 2):
        for name, learner in learners.items():
            times[name].append(milliseconds(learner.step, device))
    rows = [
        {
            "name": name,
            "ms": float(np.median(times[name][2:])),
            "peak_mb": peak_mb(learner, device),
        }
        for name, learner in learners.items()
    ]
    for row in rows:
        print(f"  {row['name']:20} {row['ms']:8.2f} ms", flush=True)
    return rows


def longer(device: str, values: tuple[int, ...], rounds: int) -> list[Row]:
    """Return time and memory of longer and longer presentations."""
    rows = []
    for steps in values:
        task = task_of(setup_of("mlp", steps=steps, batch=32, width=400))
        for recompute in (False, True):
            learner = learner_of("surrogate_gradient", task, device=device, recompute=recompute)
            times = [milliseconds(learner.step, device) for _ in range(rounds + 1)][1:]
            rows.append(
                {
                    "steps": steps, "recompute": recompute, "ms": float(np.median(times)),
                    "peak_mb": peak_mb(learner, device),
                }
            )  # fmt: skip
            print(f"  T = {steps}, recompute {recompute}: {rows[-1]['ms']:.1f} ms", flush=True)
    return rows


def cell(value: float | None, digits: int) -> str:
    """Return a number for a table; nothing for None."""
    return "" if value is None else f"{value:.{digits}f}"


def as_markdown(result: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    tested, provenance = result["tests"], result["provenance"]
    lines = [
        "# Training on a GPU, beside other frameworks", "",
        f"`{provenance['command']}`, {result['card']}, seed {SEED}, "
        f"{machine_and_versions(provenance)}.", "",
        f"Tests (`{tested['command']}`): {tested['summary']}.", "",
        "A step is forward, backward and Adam on one batch of random spikes. Contestants take "
        f"turns; times are medians of {result['rounds']} rounds, each until the GPU has finished. "
        f"Peak memory is what torch gave out in a step above what it held before. *{DEFINITION}* "
        "is the neuron's definition differentiated by torch.",
    ]  # fmt: skip
    for table in result["tables"]:
        setup = table["setup"]
        lines += ["", f"## {table['text']}, T = {setup['steps']}, batch {setup['batch']}", ""]
        lines += ["| | ms a step | peak memory (MB) |", "|---|---|---|"]
        for row in table["rows"]:
            cells = [label_of(row["name"]), cell(row["ms"], 2), cell(row["peak_mb"], 1)]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Longer presentations, 784-400-400-10, batch 32, `surrogate_gradient`", ""]
    lines += ["| T | recompute | ms a step | peak memory (MB) |", "|---|---|---|---|"]
    for row in result["longer"]:
        cells = [
            f"{row['steps']:,}", "yes" if row["recompute"] else "no", cell(row["ms"], 1),
            cell(row["peak_mb"], 1),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run everything, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="the smallest network, few rounds")
    options = parser.parse_args()
    device, quick = options.device, options.quick
    if device == "cuda" and not torch.cuda.is_available():
        print("torch finds no GPU; try the program with --device cpu --quick", file=sys.stderr)
        return 2
    rounds = 2 if quick else 10
    tested = tests(device)
    print(tested["summary"], flush=True)
    tables = []
    for setup in SETUPS[: 1 if quick else None]:
        text = SHAPES[setup.shape].text.format(width=setup.width)
        print(f"{text}, T = {setup.steps}, batch {setup.batch}", flush=True)
        rows = side_by_side(setup, device, rounds)
        tables.append({"setup": asdict(setup), "text": text, "rows": rows})
    provenance = collect(seed=SEED)
    provenance["versions"] |= {n: version(n) for n in PEERS if n not in missing_peers()}
    provenance["command"] = f"python studies/benchmarks/gpu.py --device {device}" + (
        " --quick" if quick else ""
    )
    result = {
        "card": torch.cuda.get_device_name() if device == "cuda" else "no GPU",
        "cuda": torch.version.cuda, "rounds": rounds, "tests": tested, "tables": tables,
        "longer": longer(device, LONGER[: 2 if quick else None], rounds), "provenance": provenance,
    }  # fmt: skip
    out = ROOT / "studies" / "results" if device == "cuda" else Path(tempfile.mkdtemp())
    writable_folder(out)
    write_whole(out / "gpu.json", json.dumps(result, indent=2) + "\n")
    write_whole(out / "gpu.md", as_markdown(result))
    print(f"wrote {out / 'gpu.md'}")
    return 0 if tested["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
