"""Tune a balanced network: train 1,000 neurons with conductances towards a course of their rates.

    python studies/brian2/balanced_network.py

800 excitatory and 200 inhibitory neurons (Vogels & Abbott 2005, with an adapted background), random
recurrent connections with delays of 1.5 ms, Poisson background, and 40 neurons that fire one after
another as a clock. All recurrent weights and those of the clock are trained, with their signs kept.
The target of both populations is a low rate, and a bump around 120 ms.

The network is first trained with a step of 0.5 ms. Rates are a little lower at the user's step of
0.1 ms, so the last iterations use that one. Gradients through recurrent spikes multiply from step
to step; with the usual surrogate derivative of 1 at the threshold they explode within 200 ms, and
point in another direction for every draw of the background. A derivative of 0.03 keeps them in
bounds. The results have the norms of the gradients for both, and the cosine between those of two
draws.

The trained weights are set in the user's own `Synapses`. The user's own `Network` runs then, with a
clock of 0.1 ms and Brian2's own draws. Writes studies/results/balanced_network.json, .md and .png.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonInput,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
    second,
    seed,
)

import brianbridge as bb
from brianbridge.provenance import collect
from brianbridge.training.natural_units import natural_units

RESULTS = Path(__file__).parents[1] / "results"
SEED, STEP, LENGTH, TRIALS = 1, 0.5 * ms, 200 * ms, 20
SCALE, WIDTH = 0.03, 5 * ms
EQUATIONS = """
dv/dt = (ge*(0*mV - v) + gi*(-80*mV - v) + (-60*mV - v))/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : 1
dgi/dt = -gi/(10*ms) : 1
"""
#: Rate at rest and in the bump (Hz), by population.
TARGET = {"exc": (4.0, 20.0), "inh": (8.0, 20.0)}


@dataclass(frozen=True)
class Stage:
    """Hold the step (s), the number of iterations and the first learning rate of a stage."""

    step: float
    iterations: int
    learning_rate: float


STAGES = (Stage(0.5e-3, 100, 4e-3), Stage(0.1e-3, 20, 1e-3))


@dataclass(frozen=True)
class UserNetwork:
    """Hold the user's network and the monitors of its two populations."""

    network: Network
    monitors: tuple[SpikeMonitor, SpikeMonitor]


def user_network(
    equations: str = EQUATIONS,
    threshold: str = "v > -50*mV",
    constants: Mapping[str, Any] | None = None,
) -> UserNetwork:
    """Return the network as the user has it, untrained; `constants` are those of the equations."""
    seed(SEED)
    defaultclock.dt = 0.1 * ms
    exc, inh = (
        NeuronGroup(
            n, equations, threshold=threshold, reset="v = -60*mV", refractory=2 * ms,
            method="exponential_euler", name=name, namespace=constants and dict(constants),
        )
        for n, name in ((800, "exc"), (200, "inh"))
    )  # fmt: skip
    for group in (exc, inh):
        group.v = "-60*mV + 10*mV*rand()"
    clock = SpikeGeneratorGroup(40, np.arange(40), np.arange(40) * 5 * ms, name="clock")
    wires = []
    for source, target, variable, mean, probability in (
        (exc, exc, "ge", 0.02, 0.1), (exc, inh, "ge", 0.02, 0.1), (inh, exc, "gi", 0.1, 0.1),
        (inh, inh, "gi", 0.1, 0.1), (clock, exc, "ge", 0.02, 0.5), (clock, inh, "ge", 0.02, 0.5),
    ):  # fmt: skip
        one = Synapses(source, target, "w : 1", on_pre=f"{variable} += w", delay=1.5 * ms)
        one.connect(p=probability)
        one.w = f"{mean}*(0.5 + rand())"
        wires.append(one)
    noise = [PoissonInput(g, "ge", N=100, rate=10 * Hz, weight=0.045) for g in (exc, inh)]
    monitors = SpikeMonitor(exc), SpikeMonitor(inh)
    return UserNetwork(Network(exc, inh, clock, *wires, *noise, *monitors), monitors)


def target_rates(times: np.ndarray) -> dict[str, np.ndarray]:
    """Return the wanted rates at some times (s), in Hz, by population."""
    bump = np.exp(-0.5 * ((times - 0.12) / 0.02) ** 2)
    return {name: rest + (peak - rest) * bump for name, (rest, peak) in TARGET.items()}


def smoothed(values: torch.Tensor, dt: float) -> torch.Tensor:
    """Return rates averaged with a Gaussian of `WIDTH`, which is shorter at both ends."""
    half = int(4 * float(WIDTH) / dt)
    kernel = torch.exp(-0.5 * (torch.arange(-half, half + 1) * dt / float(WIDTH)) ** 2)
    both = torch.stack([values, torch.ones_like(values)])[:, None]
    found = torch.nn.functional.conv1d(both, kernel[None, None].to(values), padding=half)[:, 0]
    return found[0] / found[1]


def loss_of(twin: Any, draw: int) -> torch.Tensor:
    """Return the distance of the rates to their target, for one draw of the background."""
    dt = twin.network.dt
    run = twin.run(*twin.encode(None, stream=draw))
    loss = torch.zeros(())
    for name, wanted in target_rates((np.arange(twin.network.steps) + 0.5) * dt).items():
        rates = torch.tensor(wanted, dtype=torch.float32)
        found = run.spikes[name].mean((1, 2)) / dt
        error = smoothed(found, dt) - smoothed(rates, dt)
        loss = loss + (error**2).mean() / rates.mean() ** 2
    return loss


def twin_of(net: bb.SpikingNetwork, scale: float) -> Any:
    """Return the twin with a surrogate derivative of `scale` at the threshold."""
    return bb.to_torch(net, spike_function=bb.twin.SpikeFunction("arctan", scale=scale))


def gradients(net: bb.SpikingNetwork, scale: float) -> dict[str, float]:
    """Return the norm of the gradient, and the cosine between those of two draws."""
    twin, found = twin_of(net, scale), []
    for draw in (1, 2):
        twin.zero_grad()
        loss_of(twin, draw).backward()
        units = twin.natural_units()
        parts = [p.grad.flatten().double() * units[n] for n, p in twin.named_parameters()]
        found.append(torch.cat(parts))
    cosine = torch.nn.functional.cosine_similarity(found[0], found[1], dim=0)
    return {"norm": float(found[0].norm()), "cosine": float(cosine)}


def train(network: Network, stage: Stage, first_draw: int) -> list[float]:
    """Train a user's network for a stage, set its weights, and return the losses."""
    net = bb.from_brian2(network, steps=LENGTH, dt=stage.step * second).keep_signs()
    twin, losses = twin_of(net, SCALE), []
    # A short memory of squared gradients: their size changes with the rates.
    optimizer = torch.optim.Adam(twin.parameters(), betas=(0.9, 0.99))
    for number in range(stage.iterations):
        rate = stage.learning_rate * 0.5 * (1 + math.cos(math.pi * number / stage.iterations))
        optimizer.param_groups[0]["lr"] = rate
        loss = loss_of(twin, draw=first_draw + number)
        optimizer.zero_grad()
        loss.backward()
        with natural_units(twin):
            optimizer.step()
        twin.keep_bounds()
        losses.append(loss.item())
        if number % 10 == 0 or number == stage.iterations - 1:
            step = f"{stage.step * 1e3:g} ms"
            print(f"{step}, iteration {number + 1}: loss {losses[-1]:.3f}", flush=True)
    bb.write_back(twin, into=network)
    return losses


def rates_of(user: UserNetwork) -> dict[str, np.ndarray]:
    """Return the smoothed rates of the user's own network, mean of some runs, per 0.5 ms."""
    network, monitors = user.network, user.monitors
    network.store()
    edges = np.arange(int(LENGTH / STEP) + 1) * float(STEP)
    found = {monitor.source.name: np.zeros(len(edges) - 1) for monitor in monitors}
    for trial in range(TRIALS):
        network.restore()
        seed(100 + trial)
        network.run(LENGTH)
        for monitor in monitors:
            counts = np.histogram(monitor.t / second, edges)[0]
            rate = counts / len(monitor.source) / float(STEP) / TRIALS
            found[monitor.source.name] += rate
    network.restore()
    return {n: smoothed(torch.tensor(r), float(STEP)).numpy() for n, r in found.items()}


def errors(rates: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Return mean rates and the distance to the target, by population."""
    times = (np.arange(int(LENGTH / STEP)) + 0.5) * float(STEP)
    found = {}
    for name, wanted in target_rates(times).items():
        rate = rates[name]
        found[name] = {
            "mean_rate": float(rate.mean()), "wanted_rate": float(wanted.mean()),
            "peak": float(rate.max()), "wanted_peak": float(wanted.max()),
            "rms_error": float(np.sqrt(((rate - wanted) ** 2).mean())),
            "correlation": float(np.corrcoef(rate, wanted)[0, 1]),
        }  # fmt: skip
    return found


def figure(before: dict[str, np.ndarray], after: dict[str, np.ndarray], path: Path) -> None:
    """Draw the rates before and after training beside their target."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    times = (np.arange(int(LENGTH / STEP)) + 0.5) * float(STEP)
    _, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    titles = {"exc": "800 excitatory neurons", "inh": "200 inhibitory neurons"}
    for axis, (name, wanted) in zip(axes, target_rates(times).items(), strict=True):
        axis.plot(times * 1e3, wanted, "k--", label="target")
        axis.plot(times * 1e3, before[name], color="0.65", label="before training")
        axis.plot(times * 1e3, after[name], color="tab:blue", label="trained, in Brian2")
        axis.set(xlabel="time (ms)", ylabel="rate (Hz)", title=titles[name], ylim=(0, 40))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    plt.savefig(path, dpi=150)
    plt.close()


def table(written: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# A balanced network, trained towards a course of population rates", "",
        f"Written by `{written['command']}`, {written['provenance']['date'][:10]}, "
        f"{written['provenance']['machine']['cores']} cores. Training took "
        f"{written['seconds']:.0f} s. Rates are those of the user's own `Network` in Brian2 at "
        f"0.1 ms, mean of {TRIALS} runs with draws of Brian2.", "",
        "![rates](balanced_network.png)", "",
        "| population | | mean rate (Hz) | peak (Hz) | rms error (Hz) | correlation |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in TARGET:
        wanted = written["after"][name]
        lines.append(
            f"| {name} | target | {wanted['wanted_rate']:.1f} | {wanted['wanted_peak']:.1f} | | |"
        )
        for when in ("before", "after"):
            row = written[when][name]
            lines.append(
                f"| {name} | {when} | {row['mean_rate']:.1f} | {row['peak']:.1f} | "
                f"{row['rms_error']:.1f} | {row['correlation']:.2f} |"
            )
    lines += [
        "", "Gradients before training, of two draws of the background:", "",
        "| surrogate derivative at the threshold | norm | cosine |", "|---|---|---|",
        *(
            f"| {scale} | {found['norm']:.2g} | {found['cosine']:.2f} |"
            for scale, found in written["gradients"].items()
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train the network, run it in Brian2, and write the results."""
    argparse.ArgumentParser(description="Tune a balanced network.").parse_args()
    torch.set_num_threads(1)  # a step is too small to be shared out
    user = user_network()
    before = rates_of(user)
    net = bb.from_brian2(user.network, steps=LENGTH, dt=STEP)
    norms = {str(scale): gradients(net, scale) for scale in (1.0, SCALE)}
    start, losses = time.perf_counter(), []
    for stage in STAGES:
        losses += train(user.network, stage, first_draw=len(losses) + 1)
    seconds = time.perf_counter() - start
    after = rates_of(user)
    figure(before, after, RESULTS / "balanced_network.png")
    written = {
        "command": "python studies/brian2/balanced_network.py",
        "seconds": seconds, "losses": losses,
        "gradients": norms, "stages": [asdict(stage) for stage in STAGES],
        "before": errors(before), "after": errors(after),
        "provenance": collect(seed=SEED),
    }  # fmt: skip
    (RESULTS / "balanced_network.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "balanced_network.md").write_text(table(written))
    print(table(written))


if __name__ == "__main__":
    main()
