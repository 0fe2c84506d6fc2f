"""Compare the times of the twin's rendered step and of the same step written by hand in torch.

    python studies/benchmarks/twin_step.py [--rounds 40]

Both run T steps of the same leaky neurons on the same input, forward alone and with backward, with
the same spike function. Their runs alternate, so that other load on the machine slows both. The
ratio is the median over pairs. Writes studies/results/twin_step.json and .md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

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


def compare(steps: int, batch: int, neurons: int, rounds: int) -> dict[str, float]:
    """Return median milliseconds of both, and the median ratio, forward and with backward."""
    torch.manual_seed(0)
    x = torch.rand(steps, batch, neurons)
    drive = 50 * torch.rand(batch, neurons)
    spike_function = SpikeFunction()
    twin = PopulationTwin(neuron_model("lif"), (neurons,), DT, spike_function=spike_function)
    assert torch.equal(twin(x, drive), by_hand(x, drive, spike_function)), "the two disagree"
    weighted = x.clone().requires_grad_()

    def forward(run: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            with torch.no_grad():
                run(x)

        return call

    def backward(run: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            weighted.grad = None
            run(weighted).sum().backward()

        return call

    outcome: dict[str, float] = {"steps": steps, "batch": batch, "neurons": neurons}
    for name, kind in (("forward", forward), ("forward_backward", backward)):
        ours = kind(lambda inputs: twin(inputs, drive))
        hand = kind(lambda inputs: by_hand(inputs, drive, spike_function))
        pairs = np.array([(timed(ours), timed(hand)) for _ in range(rounds + 3)])[3:]
        outcome[f"{name}_twin_ms"] = round(1e3 * float(np.median(pairs[:, 0])), 3)
        outcome[f"{name}_by_hand_ms"] = round(1e3 * float(np.median(pairs[:, 1])), 3)
        outcome[f"{name}_ratio"] = round(float(np.median(pairs[:, 0] / pairs[:, 1])), 3)
    return outcome


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    rows = [compare(*size, rounds) for size in SIZES]
    provenance = collect(
        command=f"python studies/benchmarks/twin_step.py --rounds {rounds}", seed=0,
        torch_threads=torch.get_num_threads(),
    )  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "twin_step.json").write_text(
        json.dumps({"rows": rows, "provenance": provenance}, indent=2) + "\n"
    )
    lines = [
        "# The twin's step against the same step written by hand", "",
        f"`{provenance['command']}`, {provenance['date']}, torch "
        f"{provenance['versions']['torch']} with {torch.get_num_threads()} thread(s), float32, "
        f"{provenance['machine']['cores']} cores, {provenance['machine']['processor']}. Ratios are "
        "medians over pairs of alternating runs.", "",
        "| steps | batch | neurons | forward: twin / by hand (ms) | ratio "
        "| with backward: twin / by hand (ms) | ratio |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        lines.append(
            f"| {row['steps']} | {row['batch']} | {row['neurons']} "
            f"| {row['forward_twin_ms']} / {row['forward_by_hand_ms']} | {row['forward_ratio']} "
            f"| {row['forward_backward_twin_ms']} / {row['forward_backward_by_hand_ms']} "
            f"| {row['forward_backward_ratio']} |"
        )
    (RESULTS / "twin_step.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
