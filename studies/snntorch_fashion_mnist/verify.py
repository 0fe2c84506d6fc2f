"""Verify the network of train.py: first against snnTorch itself, then on our ladder.

    python studies/snntorch_fashion_mnist/verify.py [network] [--samples 2000]

Writes studies/results/snntorch_fashion_mnist.json, the verdict, and snntorch_fashion_mnist.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from train import BETA, NUM_STEPS, Net

import brianbridge as bb
from brianbridge.study.data import first_samples

RESULTS = Path(__file__).parents[1] / "results"


def read_both_ways(path: Path) -> tuple[Net, dict[str, bb.SpikingNetwork]]:
    """Return the torch network, and what `from_torch` and `from_nir` make of it."""
    net = Net()
    net.load_state_dict(torch.load(path.with_suffix(".pt"), weights_only=True))
    read = {"from_torch": bb.from_torch(net, torch.zeros(1, 28, 28), axes="b", dt="1 ms")}
    read["from_nir"] = bb.from_nir(
        path.with_suffix(".nir"), "snntorch", steps=NUM_STEPS, encoding="current"
    )
    return net, read


def counts_of(net: Net, x: np.ndarray) -> np.ndarray:
    """Return the spike counts of snnTorch, as it trained: in float32."""
    with torch.no_grad():
        spikes, _ = net(torch.tensor(x, dtype=torch.float32))
    return spikes.sum(0).numpy()


def agreement(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Return in how many samples counts and decisions agree."""
    same = (ours == theirs).all(1).mean()
    decision = (ours.argmax(1) == theirs.argmax(1)).mean()
    return f"{same:.2%} | {decision:.2%}"


def ties(counts: np.ndarray, y: np.ndarray) -> str:
    """Return how many samples have two classes with the most spikes, and how many spikes."""
    most = np.sort(counts, axis=1)
    tied = (most[:, -1] == most[:, -2]) & (most[:, -1] > 0)
    full = (most[tied, -1] >= NUM_STEPS - 1).mean()
    right = (counts.argmax(1) == y)[tied].mean()
    return (
        f"In {tied.sum()} samples two classes tie. {full:.0%} of these have {NUM_STEPS - 1} or "
        f"{NUM_STEPS} spikes,\none in almost every step, and {right:.0%} are right."
    )


def page(table: dict[str, str], accuracy: float, tied: str, verdict: Any) -> str:
    """Return the report."""
    samples = verdict.dataset["samples"]
    last = list(verdict.twin.spikes_per_sample)[-1]
    rungs = "\n".join(
        f"| {r.name} | {r.accuracy:.2%} | {r.accuracy - verdict.twin.accuracy:+.2%} | "
        f"{r.spikes_per_sample[last]:.1f} | {r.ties / samples:.1%} |"
        for r in verdict.rungs
    )
    rows = "\n".join(f"| {name} | {line} |" for name, line in table.items())
    return f"""# A network of snnTorch in Brian2

`studies/snntorch_fashion_mnist/train.py` is a plain snnTorch script: 784-256-10 Leaky neurons
(beta = {BETA}, reset by subtraction, {NUM_STEPS} steps), trained on Fashion-MNIST with a constant
input. Written by `studies/snntorch_fashion_mnist/verify.py` on {samples:,} test images, on which
snnTorch has {accuracy:.2%}.

## Is it the same network?
Samples whose ten spike counts are those of snnTorch (in float32), and whose decisions are:

| read by | counts | decisions |
|---|---|---|
{rows}

## What survives
The default ladder; the outcome is **{verdict.outcome}**.

| rung | accuracy | change | output spikes per sample | ties |
|---|---|---|---|---|
{rungs}

The loss trained the membrane potentials, which a reset by subtraction lets grow without bound,
while a neuron fires at most once in a step. {tied}
What breaks such ties (4 bits, lost spikes) raises the accuracy. At a tenth of the step nothing
limits the spikes, and the accuracy falls: this network owes part of it to its step.
"""


def main() -> None:
    """Read, compare, verify, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path, nargs="?", default=Path("network"))
    parser.add_argument("--samples", type=int, default=2000)
    args = parser.parse_args()
    net, read = read_both_ways(args.network)
    test = first_samples(bb.load_dataset("fashion_mnist").test, args.samples)
    theirs = counts_of(net, np.asarray(test.x))
    shape = {"from_torch": test.x.shape, "from_nir": (len(test.x), 784)}
    table = {
        name: agreement(bb.simulate(one, np.reshape(test.x, shape[name])).output, theirs)
        for name, one in read.items()
    }
    verdict = bb.verify(
        read["from_torch"], test, "default", name="snntorch_fashion_mnist",
        on_rung=lambda r: print(r.name, f"{r.accuracy:.2%}", flush=True),
    )  # fmt: skip
    verdict.save(RESULTS / "snntorch_fashion_mnist.json")
    accuracy = float((theirs.argmax(1) == test.y).mean())
    text = page(table, accuracy, ties(theirs, np.asarray(test.y)), verdict)
    (RESULTS / "snntorch_fashion_mnist.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
