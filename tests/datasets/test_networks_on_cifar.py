"""The large networks, trained for a few steps on files in CIFAR's format, and run in Brian2."""

from __future__ import annotations

import numpy as np
import pytest

from brianbridge.study import read_study, run_study

STUDY = """
title = "A few steps"

[dataset]
name   = "cifar10"
folder = "{folder}"

[network]
model    = "{model}"
encoding = {{ steps = 5 }}

[rule]
name   = "leaky_backprop"
credit = "{credit}"

[training]
epochs              = 2
batch_size          = 4
learning_rate       = 1e-4
validation_fraction = 0
"""


def records(number: int, seed: int) -> bytes:
    """Write labels, red, green and blue planes as CIFAR's page describes them."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (number, 3072), dtype=np.uint8)
    labels = (np.arange(number) % 10).astype(np.uint8)
    return np.column_stack([labels, pixels]).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "credit"), [("vgg9", "windowed"), ("vgg9", "count"), ("resnet11", "count")]
)
def test_a_few_steps_and_parity(model, credit, shrink, tmp_path):
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    files = {name: records(2, seed) for seed, name in enumerate(names)}
    shrink("cifar10", {"train": 10, "test": 2}, files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "few_steps.toml"
    path.write_text(STUDY.format(folder=tmp_path, model=model, credit=credit))
    summary = run_study(read_study(str(path)), tmp_path / "out")
    mean = summary["mean"]
    assert mean["parity_spike_mismatches"] == 0
    assert mean["parity_spikes_per_sample"] > 1000
    assert mean["parity_accuracy"] == mean["twin_accuracy"]
