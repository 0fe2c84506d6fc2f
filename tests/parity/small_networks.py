"""Small networks with random weights, and what it means that two recordings are the same."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from brianbridge.encoding import Encoding
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Recording
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate as simulate_by_any_path
from brianbridge.twin.network import to_torch

#: These tests are about the judge; others hold the batched path against it.
simulate = partial(simulate_by_any_path, backend=Backend(path="reference"))


def two_layers(
    model: NeuronModel,
    encoding: Encoding,
    *,
    inputs: int = 6,
    hidden: int = 5,
    outputs: int = 4,
    scale: float = 1.0,
    bias: bool = True,
    readout: str = "counts",
    seed: int = 0,
) -> SpikingNetwork:
    """Return a network whose weights are N(0.2, 0.6) times `scale`, biases N(0.05, 0.1)."""
    network = SpikingNetwork.sequential(
        (inputs,),
        [Dense(hidden, model, bias=bias), Dense(outputs, model, bias=bias)],
        encoding=encoding,
        readout=readout,
    )
    rng = np.random.default_rng(seed)
    return network.with_weights(
        {
            p.name: (
                scale * rng.normal(0.2, 0.6, p.weight.shape),
                scale * rng.normal(0.05, 0.1, len(p.weight)) if bias else None,
            )
            for p in network.projections
        }
    )


def one_layer(
    model: NeuronModel, encoding: Encoding, weight: np.ndarray, readout: str = "counts"
) -> SpikingNetwork:
    """Return a network of one population, ``output``, with these weights and no bias."""
    outputs, inputs = weight.shape
    network = SpikingNetwork.sequential(
        (inputs,), [Dense(outputs, model, bias=False)], encoding=encoding, readout=readout
    )
    return network.with_weights({"input_to_output": (weight, None)})


def twin_recording(network: SpikingNetwork, x: np.ndarray, record=("spikes",), **keywords):
    return to_torch(network, dtype=torch.float64).record(x, record=record, **keywords)


def assert_same(found: Recording, expected: Recording, rtol: float = 1e-12) -> None:
    """Assert equal spikes, and outputs and traces equal but for the last bits."""
    assert set(found.shapes) == set(expected.shapes)
    for name in expected.shapes:
        np.testing.assert_array_equal(found.spikes[name], expected.spikes[name])
    assert_close(found.output, expected.output, rtol)
    assert {n: set(v) for n, v in found.traces.items()} == {
        n: set(v) for n, v in expected.traces.items()
    }
    for name, variables in expected.traces.items():
        for variable, values in variables.items():
            assert_close(found.traces[name][variable], values, rtol)


def assert_close(found: np.ndarray, expected: np.ndarray, rtol: float = 1e-12) -> None:
    """Assert that arrays agree relative to the largest value."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * scale)
