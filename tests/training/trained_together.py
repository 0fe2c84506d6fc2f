"""Trainings that one process and several must end with the same weights; torchrun runs this file.

``trained_together.py all OUT`` trains every case and writes weights and curves; ``killed OUT`` runs
a study whose second process is killed in its third epoch.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import brianbridge as bb
from brianbridge.perturbations import Condition, MembraneNoise, perturbed
from brianbridge.rules import learning_rule
from brianbridge.training import Augmentation, SpikeRate, Under

RANK = int(os.environ.get("RANK", "0"))
RANDOM = np.random.default_rng(0)
#: Batches of 7 make unequal parts; 36 samples leave one for the last batch, with a stand-in.
ROWS = bb.from_arrays("rows", RANDOM.random((41, 6)), np.arange(41) % 3)
IMAGES = bb.from_arrays("images", RANDOM.random((41, 1, 6, 6)), np.arange(41) % 3)
LEFT = ROWS.subset(np.arange(36))


def dense(neuron: str, last: str, encoding: Any, readout: str, bias: bool = True) -> Any:
    models = bb.neuron_model(neuron), bb.neuron_model(last)
    layers = [bb.Dense(8, models[0], bias=bias), bb.Dense(3, models[1], bias=bias)]
    return bb.SpikingNetwork.sequential(
        (6,), layers, encoding=encoding, readout=readout, seed=1, weight_gain=3.0
    )


def noisy() -> Any:
    net = dense("lif", "lif", bb.Current(6), "counts")
    return perturbed(Condition(net), [MembraneNoise(0.2)]).network


def images() -> Any:
    lif = bb.neuron_model("lif")
    layers = [bb.Conv2d(3, 3, lif), bb.Dense(3, lif)]
    return bb.SpikingNetwork.sequential(
        (1, 6, 6), layers, encoding=bb.Bernoulli(5), seed=1, weight_gain=3.0
    )


def looped(steps: int) -> Any:
    neuron = bb.neuron_model("if")
    layers = [bb.Dense(8, neuron), bb.Recurrent(), bb.Dense(3, neuron)]
    return bb.SpikingNetwork.sequential(
        (6,), layers, encoding=bb.Current(steps), readout="potential", seed=1, weight_gain=2.0
    )


@dataclass(frozen=True)
class Case:
    network: Callable[[], Any]
    rule: Any
    twin: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    data: Any = ROWS
    #: Largest difference; that of a float64's rounding if not given.
    tolerance: float = 1e-9


RUNGS = [
    bb.Rung(name="failing", perturb={"synaptic_failure": {"probability": 0.2}}),
    bb.Rung(name="chip", perturb={"mismatch": {"cv": 0.1}, "finer_dt": {"divisor": 2}}),
]
RATE = SpikeRate(0.2, weight=0.5, kind="target")
COUNTED = Case(lambda: dense("lif", "lif", bb.Bernoulli(6), "counts"), "spike_count")
SILENT = lambda: dense("lif_zero", "lif_zero", bb.Current(6), "potential")  # noqa: E731
ONCE = lambda: dense("single_spike_if", "single_spike_if", bb.Latency(6), "first_spike")  # noqa: E731
ADDS = lambda: dense("lif", "lif", bb.Bernoulli(6), "potential")  # noqa: E731

CASES: dict[str, Case] = {
    "spike_count": Case(
        COUNTED.network, "spike_count", {"batch_norm": True, "dropout": 0.3},
        {"ema": 0.9, "spike_rate": RATE, "validation_fraction": 0.1},
    ),
    "spike_count, one left": Case(
        COUNTED.network, "spike_count", {"batch_norm": True, "dropout": 0.3},
        {"spike_rate": RATE}, LEFT,
    ),
    "surrogate_gradient, noise": Case(
        noisy, "surrogate_gradient", {"dropout": 0.3},
        {"gradient_clip": 0.5, "optimizer": "sgd", "learning_rate": 0.1},
    ),
    "surrogate_gradient, images": Case(
        images, "surrogate_gradient", {"batch_norm": True},
        {"augmentation": Augmentation(shift=1, flip=True, cut=2), "channels_last": True},
        IMAGES.subset(np.arange(36)),
    ),
    "surrogate_gradient, parameters": Case(
        COUNTED.network, "surrogate_gradient", {"learn": {"hidden": ["tau", "theta"]}},
    ),
    "surrogate_gradient, rungs": Case(
        COUNTED.network, "surrogate_gradient", {"dropout": 0.3},
        {"under": Under(RUNGS, clean=0.2, every=2), "validation_fraction": 0.1},
    ),
    "spike_count, rungs": Case(
        COUNTED.network, "spike_count", {}, {"under": Under(RUNGS, clean=0.2)}, LEFT,
    ),
    "ottt, standardised": Case(ADDS, "ottt", {"batch_norm": "weights"}),
    "leaky_backprop": Case(SILENT, "leaky_backprop", {"batch_norm": True}),
    "leaky_backprop, counts": Case(SILENT, learning_rule("leaky_backprop", credit="count")),
    "multi_threshold": Case(
        lambda: dense("multi_threshold_lif", "lif", bb.Current(2), "potential"), "multi_threshold",
        {"batch_norm": True},
    ),
    "ottt": Case(ADDS, "ottt", {"batch_norm": True}, {"spike_rate": RATE}),
    "ottt, online": Case(
        ADDS, learning_rule("ottt", updates="online"), {"batch_norm": True, "dropout": 0.3},
        {"ema": 0.9}, LEFT,
    ),
    "first_spike": Case(
        ONCE, learning_rule("first_spike", revive=0.7), {"dropout": 0.3}, {"spike_rate": RATE},
        LEFT,
    ),
    "first_spike, normalised": Case(
        lambda: dense("single_spike_if", "single_spike_if", bb.Latency(6), "first_spike", False),
        "first_spike", {"batch_norm": "potential"},
    ),
    "first_spike, at the spike": Case(
        ONCE, learning_rule("first_spike", slope="window", loss_function="relative"),
    ),
    "single_spike_vectorised": Case(
        lambda: dense("single_spike_lif", "single_spike_lif", bb.Current(6), "potential"),
        "single_spike_vectorised", {"dropout": 0.3},
    ),
    "spide": Case(lambda: looped(12), learning_rule("spide", steps=30), {"dropout": 0.3}, {}, LEFT),
    "spide, one scale": Case(
        lambda: looped(12), learning_rule("spide", steps=30, scale=0.2), {}, {"spike_rate": RATE},
    ),
    # Each process solves for its part: they agree as far as the solver does.
    "implicit": Case(lambda: looped(12), "implicit", data=LEFT, tolerance=1e-5),
}  # fmt: skip


def twin_of(case: Case) -> Any:
    return bb.to_torch(case.network(), dtype=torch.float64, **case.twin)


def trained(case: Case, **more: Any) -> dict[str, np.ndarray]:
    """Return all tensors of a twin after training, and its curve."""
    twin = twin_of(case)
    usual = {"epochs": 2, "batch_size": 7, "learning_rate": 1e-2, "validation_fraction": 0.0}
    options = {**usual, **case.options, **more}
    result = bb.train(twin, case.data, case.rule, seed=4, **options)
    tensors = {name: values.numpy() for name, values in twin.state_dict().items()}
    return {**tensors, **{f"curve {k}": np.array(v) for k, v in result.curve.items()}}


def refused(**options: Any) -> str:
    try:
        trained(COUNTED, **options)
    except bb.InputError as error:
        return str(error)
    return ""


def messages() -> dict[str, str]:
    """Return what is said of trainings that several processes cannot share."""
    other = bb.from_arrays("other", RANDOM.random((41, 6)) + RANK, np.arange(41) % 3)
    try:
        trained(Case(COUNTED.network, "spike_count", data=other))
        data = ""
    except bb.InputError as error:
        data = str(error)
    return {"batch": refused(batch_size=1), "data": data}


def train_all(out: Path) -> None:
    for name, case in CASES.items():
        found = trained(case)
        np.savez(out / f"{name} {RANK}.npz", **found)
    alone = trained(COUNTED, together=False)
    np.savez(out / f"alone {RANK}.npz", **alone)
    for name, text in messages().items():
        (out / f"{name} {RANK}.txt").write_text(text)


def run_killed(study: str, out: str) -> int:
    from brianbridge.cli import main
    from brianbridge.training.loop import Trainer

    one_epoch = Trainer._one_epoch

    def killed(self: Trainer) -> None:
        if RANK == 1 and self.epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        one_epoch(self)

    Trainer._one_epoch = killed  # type: ignore[method-assign]
    return main(["train", study, "--out", out])


if __name__ == "__main__":
    if sys.argv[1] == "all":
        train_all(Path(sys.argv[2]))
    else:
        sys.exit(run_killed(*sys.argv[2:]))
