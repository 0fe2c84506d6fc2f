"""Compare the times of the twin's rendered step and of the same step written by hand in torch.

    python studies/benchmarks/twin_step.py [--rounds 40]

Both run T steps of the same leaky neurons on the same input, forward alone and with backward, with
the same spike function. Their runs alternate, so that other load on the machine slows both. The
ratio is the median over pairs. A second table compares the twin with one that learns time constant
and threshold. Writes studies/results/twin_step.json and .md.
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
from torch import Tensor

from brianbridge.neurons.library import neuron_model
from brianbridge.provenance import collect
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.spike_function import SpikeFunction

RESULTS = Path(__file__).parents[1] / "results"
DT, TAU, THETA = 1e-3, 10e-3, 1.0
SIZES = ((10, 64, 128), (10, 128, 800), (50, 128, 800))


def by_hand(x: Tensor, drive: Tensor, spike_function: SpikeFunction) -> Tensor:
    """Run T steps of a leaky integrate-and-fire population, written by hand."""
    leak = float(np.exp(-DT / TAU))
    constant = drive * (TAU * (1 - leak))
    v = torch.zeros_like(x[0])
    spikes = []
    for received in x.unbind(0):
        v = leak * v + constant
        v = v + received
        spike = spike_function.step(v - THETA)
        v = v - THETA * spike
        spikes.append(spike)
    return torch.stack(spikes)


def timed(run: Callable[[], None]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def paired(one: Callable[[], None], other: Callable[[], None], rounds: int) -> tuple[float, ...]:
    """Return the median milliseconds of both, and the median ratio."""
    pairs = np.array([(timed(one), timed(other)) for _ in range(rounds + 3)])[3:]
    first, second = 1e3 * np.median(pairs, axis=0)
    ratio = float(np.median(pairs[:, 0] / pairs[:, 1]))
    return round(float(first), 3), round(float(second), 3), round(ratio, 3)


def forward(run: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """Return a call that runs forward alone."""

    def call() -> None:
        with torch.no_grad():
            run(x)

    return call


def backward(run: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """Return a call that runs forward and backward, with the gradient of the input."""
    weighted = x.clone().requires_grad_()

    def call() -> None:
        weighted.grad = None
        run(weighted).sum().backward()

    return call


def inputs(steps: int, batch: int, neurons: int) -> tuple[Tensor, Tensor]:
    """Return what neurons receive in each step, and their drive."""
    torch.manual_seed(0)
    return torch.rand(steps, batch, neurons), 50 * torch.rand(batch, neurons)


def compare(steps: int, batch: int, neurons: int, rounds: int) -> dict[str, float]:
    """Return median milliseconds of the twin and by hand, and the median ratio."""
    x, drive = inputs(steps, batch, neurons)
    spike_function = SpikeFunction()
    twin = PopulationTwin(neuron_model("lif"), (neurons,), DT, spike_function=spike_function)
    assert torch.equal(twin(x, drive), by_hand(x, drive, spike_function)), "the two disagree"
    outcome: dict[str, float] = {"steps": steps, "batch": batch, "neurons": neurons}
    for name, kind in (("forward", forward), ("forward_backward", backward)):
        ours = kind(lambda received: twin(received, drive), x)
        hand = kind(lambda received: by_hand(received, drive, spike_function), x)
        twin_ms, by_hand_ms, ratio = paired(ours, hand, rounds)
        outcome |= {f"{name}_twin_ms": twin_ms, f"{name}_by_hand_ms": by_hand_ms}
        outcome[f"{name}_ratio"] = ratio
    return outcome


def compare_learned(
    steps: int, batch: int, neurons: int, rounds: int, each: str
) -> dict[str, float | str]:
    """Return the same for a twin that learns tau and theta, and for one that does not.

    `each` is "population", for one value of both, or "neuron", for one in each neuron.
    """
    x, drive = inputs(steps, batch, neurons)
    fixed = PopulationTwin(neuron_model("lif"), (neurons,), DT)
    learning = PopulationTwin(neuron_model("lif"), (neurons,), DT, learned=["tau", "theta"])
    shape = () if each == "population" else (neurons,)
    values = {
        name: torch.full(shape, value, requires_grad=True)
        for name, value in (("tau", TAU), ("theta", THETA))
    }

    def learned(received: Tensor) -> Tensor:
        for value in values.values():
            value.grad = None
        return learning(received, drive, parameters=values)

    assert torch.equal(learned(x), fixed(x, drive)), "the two disagree"
    outcome: dict[str, float | str] = {
        "steps": steps, "batch": batch, "neurons": neurons, "each": each,
    }  # fmt: skip
    for name, kind in (("forward", forward), ("forward_backward", backward)):
        ours = kind(learned, x)
        plain = kind(lambda received: fixed(received, drive), x)
        learned_ms, fixed_ms, ratio = paired(ours, plain, rounds)
        outcome |= {f"{name}_learned_ms": learned_ms, f"{name}_fixed_ms": fixed_ms}
        outcome[f"{name}_ratio"] = ratio
    return outcome


def table(rows: list[dict[str, Any]], one: str, other: str, *more: str) -> list[str]:
    """Return the lines of a table of both times and their ratio, by size."""
    sizes = ("steps", "batch", "neurons", *more)
    what = f"{one} / {other}".replace("_", " ")
    headings = [*sizes, f"forward: {what} (ms)", "ratio", f"with backward: {what} (ms)", "ratio"]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for row in rows:
        cells = [str(row[size]) for size in sizes]
        for part in ("forward", "forward_backward"):
            both = f"{row[f'{part}_{one}_ms']} / {row[f'{part}_{other}_ms']}"
            cells += [both, str(row[f"{part}_ratio"])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    rows = [compare(*size, rounds) for size in SIZES]
    learned = [
        compare_learned(*size, rounds, each) for size in SIZES for each in ("population", "neuron")
    ]
    provenance = collect(
        command=f"python studies/benchmarks/twin_step.py --rounds {rounds}", seed=0,
        torch_threads=torch.get_num_threads(),
    )  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    result = {"rows": rows, "learned": learned, "provenance": provenance}
    (RESULTS / "twin_step.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = [
        "# The twin's step against the same step written by hand", "",
        f"`{provenance['command']}`, {provenance['date']}, torch "
        f"{provenance['versions']['torch']} with {torch.get_num_threads()} thread(s), float32, "
        f"{provenance['machine']['cores']} cores, {provenance['machine']['processor']}. Ratios are "
        "medians over pairs of alternating runs.", "",
        *table(rows, "twin", "by_hand"), "",
        "## With and without learned parameters", "",
        "Time constant and threshold are learned, one value for the population or one for each "
        "neuron. With backward, the learning twin also has their gradients.", "",
        *table(learned, "learned", "fixed", "each"),
    ]  # fmt: skip
    (RESULTS / "twin_step.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
