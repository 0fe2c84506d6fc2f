"""Tune a balanced network by its neurons: train time constants and more, and no weight.

    python studies/brian2/balanced_parameters.py

The network of `balanced_network.py`. The target of each population is a constant rate. Membrane and
synaptic time constants, rest and threshold of both populations are trained, with one value each for
a population; weights stay as they are. The trained values are set in the namespaces of the user's
own groups, whose `Network` runs then at 0.1 ms with Brian2's own draws. Writes
studies/results/balanced_parameters.json and .md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from balanced_network import LENGTH, RESULTS, SCALE, SEED, STEP, TRIALS, rates_of, user_network
from brian2 import ms, mV, second

import brianbridge as bb
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.provenance import collect
from brianbridge.training.natural_units import natural_units

EQUATIONS = """
dv/dt = (ge*(0*mV - v) + gi*(-80*mV - v) + (E_L - v))/tau_m : volt (unless refractory)
dge/dt = -ge/tau_e : 1
dgi/dt = -gi/tau_i : 1
"""
CONSTANTS = {"E_L": -60 * mV, "tau_m": 20 * ms, "tau_e": 5 * ms, "tau_i": 10 * ms, "v_t": -50 * mV}
#: Wanted rate (Hz), by population.
TARGET = {"exc": 5.0, "inh": 10.0}
#: Step (s), iterations and first learning rate, one stage after another.
STAGES = ((0.5e-3, 40, 2e-2), (0.1e-3, 25, 5e-3))


def loss_of(twin: Any, draw: int) -> torch.Tensor:
    """Return the squared relative error of the mean rates, for one draw of the background."""
    run = twin.run(*twin.encode(None, stream=draw))
    rates = [run.spikes[name].mean() / twin.network.dt for name in TARGET]
    pairs = zip(rates, TARGET.values(), strict=True)
    return sum(((r / wanted - 1) ** 2 for r, wanted in pairs), torch.zeros(()))


def train(network: Any, stage: tuple[float, int, float], first_draw: int) -> list[float]:
    """Train a user's network for a stage, set its parameters, and return the losses."""
    step, iterations, learning_rate = stage
    net = bb.from_brian2(network, steps=LENGTH, dt=step * second)
    net = replace(net, projections=tuple(replace(p, frozen=True) for p in net.projections))
    twin = bb.to_torch(
        net,
        spike_function=bb.twin.SpikeFunction("arctan", scale=SCALE),
        learn={name: list(CONSTANTS) for name in TARGET},
    )
    optimizer = torch.optim.Adam(twin.parameters(), betas=(0.9, 0.99))
    losses = []
    for number in range(iterations):
        rate = learning_rate * 0.5 * (1 + math.cos(math.pi * number / iterations))
        optimizer.param_groups[0]["lr"] = rate
        loss = loss_of(twin, first_draw + number)
        optimizer.zero_grad()
        loss.backward()
        with natural_units(twin):
            optimizer.step()
        losses.append(loss.item())
        if number % 10 == 0 or number == iterations - 1:
            print(f"{step * 1e3:g} ms, iteration {number + 1}: loss {losses[-1]:.4f}", flush=True)
    bb.write_back(twin, into=network)
    return losses


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# A balanced network, tuned by the parameters of its neurons", "",
        f"Written by `{written['command']}`, {written['provenance']['date'][:10]}, "
        f"{written['provenance']['machine']['cores']} cores. Training took "
        f"{written['seconds']:.0f} s and changed no weight. Rates are those of the user's own "
        f"`Network` in Brian2 at 0.1 ms over 200 ms, mean of {TRIALS} runs with draws of Brian2.",
        "", "| population | wanted (Hz) | before | after |", "|---|---|---|---|",
        *(
            f"| {n} | {wanted:g} | {written['before'][n]:.1f} | {written['after'][n]:.1f} |"
            for n, wanted in TARGET.items()
        ),
        "", "| parameter | before | exc | inh |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, before in CONSTANTS.items():
        after = " | ".join(written["parameters"][population][name] for population in TARGET)
        lines.append(f"| {name} | {quantity_text(before)} | {after} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train the network, run it in Brian2, and write the results."""
    argparse.ArgumentParser(description="Tune a balanced network by parameters.").parse_args()
    torch.set_num_threads(1)  # a step is too small to be shared out
    user = user_network(EQUATIONS, "v > v_t", CONSTANTS)
    before = {name: float(np.mean(rate)) for name, rate in rates_of(user).items()}
    start, losses = time.perf_counter(), []
    for stage in STAGES:
        losses += train(user.network, stage, first_draw=len(losses) + 1)
    seconds = time.perf_counter() - start
    after = {name: float(np.mean(rate)) for name, rate in rates_of(user).items()}
    read = bb.from_brian2(user.network, steps=LENGTH, dt=STEP)
    parameters = {
        name: {p: quantity_text(read.population(name).neuron.parameters[p]) for p in CONSTANTS}
        for name in TARGET
    }
    written = {
        "command": "python studies/brian2/balanced_parameters.py", "seconds": seconds,
        "stages": STAGES, "losses": losses, "before": before, "after": after,
        "parameters": parameters, "provenance": collect(seed=SEED),
    }  # fmt: skip
    (RESULTS / "balanced_parameters.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "balanced_parameters.md").write_text(table(written))
    print(table(written))


if __name__ == "__main__":
    main()
