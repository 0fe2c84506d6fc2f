"""The verdict on a noisy rung does not depend on how samples are shared out."""

from __future__ import annotations

import json

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.ladder import twin_run
from brianbridge.ladder.execution import Execution

X, Y = np.random.default_rng(0).random((60, 6)), np.arange(60) % 3
DATA = from_arrays("mine", X, Y)
PERTURBED = {"membrane_noise": {"sigma": 0.3}, "synaptic_failure": {"probability": 0.2}}


def outcome(**options) -> dict:
    lif = bb.neuron_model("lif")
    net = bb.SpikingNetwork.sequential(
        (6,), [bb.Dense(8, lif), bb.Dense(3, lif)], encoding=bb.Bernoulli(12)
    )
    rung = bb.Rung(name="noise", perturb=PERTURBED, repeats=2, max_accuracy_drop=1.0)
    (found,) = bb.verify(net, DATA, [rung], seed=4, **options).to_dict()["rungs"]
    return {key: value for key, value in found.items() if key != "seconds"}


@pytest.mark.parametrize("shard", [13, 30])
def test_the_size_of_shards_changes_nothing(shard):
    whole, parts = outcome(), outcome(execution=Execution(shard=shard))
    assert whole.keys() == parts.keys()
    assert whole["spike_mismatches"] > 0
    for key, value in whole.items():
        if key != "distances":  # sums of real numbers, in another order
            assert json.dumps(parts[key], default=str) == json.dumps(value, default=str), key


@pytest.mark.parametrize("shard", [4, 16])
def test_shards_of_whole_blocks_change_not_even_sums_of_real_numbers(shard, monkeypatch):
    monkeypatch.setattr(twin_run, "_SAMPLES", 4)
    whole, parts = outcome(execution=Execution(shard=64)), outcome(execution=Execution(shard=shard))
    assert json.dumps(parts, default=str) == json.dumps(whole, default=str)


def test_global_generators_change_nothing():
    np.random.seed(1)
    one = outcome()
    np.random.seed(2)
    np.random.rand(5)
    assert json.dumps(outcome(), default=str) == json.dumps(one, default=str)
