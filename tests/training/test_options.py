"""Training options: learning rates, optimisers, and what is out of range."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch

from brianbridge.training import TrainingOptions


def rates(epochs: int = 8, **options) -> list[float]:
    chosen = TrainingOptions(epochs=epochs, learning_rate=0.5, **options)
    return [chosen.rate_in(epoch) for epoch in range(epochs)]


def test_a_constant_rate():
    assert rates() == [0.5] * 8
    assert rates(step_at=(2,), step_factor=0.5) == [0.5] * 8, "steps are of schedule 'step'"


def test_a_cosine_falls_from_the_rate_towards_0():
    found = rates(schedule="cosine")
    assert found == pytest.approx([0.25 * (1 + math.cos(math.pi * k / 8)) for k in range(8)])
    assert found[0] == 0.5
    assert found[4] == pytest.approx(0.25)
    assert sorted(found, reverse=True) == found
    assert 0 < found[-1] < 0.02


def test_steps_are_taken_after_the_epochs_named():
    found = rates(schedule="step", step_at=(3, 1, 6), step_factor=0.5)
    assert found == [0.5, 0.25, 0.25, 0.125, 0.125, 0.125, 0.0625, 0.0625]
    assert rates(schedule="step") == [0.5] * 8
    assert rates(schedule="step", step_at=(2, 2))[2] == pytest.approx(0.005)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_a_warm_up_multiplies_any_schedule(schedule):
    options = {"schedule": schedule, "step_at": (5,)}
    plain, warm = rates(**options), rates(warmup=3, **options)
    assert [w / p for w, p in zip(warm, plain, strict=True)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    )


def test_optimisers():
    parameters = [torch.nn.Parameter(torch.ones(2))]
    options = {"learning_rate": 0.25, "weight_decay": 0.125, "momentum": 0.5}
    sgd = TrainingOptions(optimizer="sgd", **options).make_optimizer(parameters)
    adam = TrainingOptions(**options).make_optimizer(parameters)
    assert type(sgd) is torch.optim.SGD
    assert type(adam) is torch.optim.AdamW
    for optimizer in (sgd, adam):
        (group,) = optimizer.param_groups
        assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    assert sgd.param_groups[0]["momentum"] == 0.5


#: Just outside, and just inside, of each option's range.
OUTSIDE = {
    "epochs": [0], "batch_size": [0], "optimizer": ["adam"], "learning_rate": [0.0, float("nan")],
    "momentum": [-0.1, 1.0], "weight_decay": [-1e-9], "schedule": ["linear"],
    "step_at": [(0,), (3, -1)], "step_factor": [0.0, 1.1], "warmup": [-1],
    "gradient_clip": [-1.0], "ema": [-0.1, 1.0], "autocast": ["float16"],
    "validation_fraction": [-0.1, 1.0], "patience": [-1],
}  # fmt: skip
INSIDE = {
    "epochs": [1], "batch_size": [1], "optimizer": ["sgd", "adamw"], "learning_rate": [1e-9],
    "momentum": [0.0, 0.99], "weight_decay": [0.0], "schedule": ["constant", "cosine", "step"],
    "step_at": [(), (1,)], "step_factor": [1.0], "warmup": [0], "gradient_clip": [0.0],
    "ema": [0.0, 0.999], "autocast": ["none", "bfloat16"], "validation_fraction": [0.0, 0.9],
    "patience": [0],
}  # fmt: skip


@pytest.mark.parametrize(("option", "value"), [(k, v) for k, vs in OUTSIDE.items() for v in vs])
def test_what_is_out_of_range_is_refused(refused, option, value):
    with refused("training", f"{option} = {value!r}", "out of range"):
        TrainingOptions(**{option: value})


def test_what_is_in_range_is_taken_and_no_option_is_forgotten():
    for option, values in INSIDE.items():
        for value in values:
            assert getattr(TrainingOptions(**{option: value}), option) == value
    checked_elsewhere = {
        "augmentation",
        "spike_rate",
        "channels_last",
        "deterministic",
        "recompute",
    }
    assert {f.name for f in fields(TrainingOptions)} == {*OUTSIDE} | checked_elsewhere
    assert {*OUTSIDE} == {*INSIDE}
