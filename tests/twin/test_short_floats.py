"""Twins of bfloat16 and float16 run, record, train and write back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current, Encoding
from brianbridge.network import Dense, SpikingNetwork

SHORT = [torch.bfloat16, torch.float16]
X = np.random.default_rng(0).random((4, 5))


def network(encoding: Encoding, model: str = "lif") -> SpikingNetwork:
    layers = [Dense(4, bb.neuron_model(model)), Dense(3, bb.neuron_model(model))]
    return SpikingNetwork.sequential((5,), layers, encoding=encoding, seed=1, weight_gain=4.0)


@pytest.mark.parametrize("dtype", SHORT)
@pytest.mark.parametrize("encoding", [Current(8), Bernoulli(8)], ids=["current", "spikes"])
@pytest.mark.parametrize("model", ["lif", "multi_threshold_lif"])
def test_a_recording_is_that_of_brian2_with_the_same_weights(dtype, encoding, model):
    twin = bb.to_torch(network(encoding, model), dtype=dtype)
    found = twin.record(X, record=("spikes", "v"))
    assert found.output.dtype == np.float64
    back = bb.write_back(twin)
    assert back.projections[0].weight.dtype == np.float32
    theirs = bb.simulate(back, X)
    np.testing.assert_array_equal(found.raster("output"), theirs.raster("output"))
    assert found.raster("hidden").any()


@pytest.mark.parametrize("dtype", SHORT)
def test_one_batch_is_recorded_in_the_twin_s_own_precision(dtype):
    twin = bb.to_torch(network(Current(8)), dtype=dtype)
    found = twin.record_batch(X, record=("spikes", "v"))
    own = twin.run(*twin.encode(X), record=("v",))
    assert found.traces["output"]["v"].dtype == found.output.dtype == np.float32
    assert found.traces["output"]["v"].tolist() == own.traces["output"]["v"].tolist()
    assert found.output.tolist() == own.output.tolist()


def test_a_twin_of_bfloat16_can_be_trained(tmp_path):
    twin = bb.to_torch(network(Current(8)), dtype=torch.bfloat16)
    before = bb.write_back(twin).projections[0].weight
    data = from_arrays("mine", X, [0, 1, 2, 0])
    bb.train(twin, data, "surrogate_gradient", epochs=1, validation_fraction=0.0,
             checkpoint=tmp_path / "checkpoint.pt")  # fmt: skip
    assert (bb.write_back(twin).projections[0].weight != before).any()
