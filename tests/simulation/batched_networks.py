"""Networks with a bit of everything for tests of the batched path, and what must be equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import ms

from brianbridge.encoding import Bernoulli, Current, Encoding, Latency
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    Recurrent,
    Residual,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Recording

LIF = neuron_model("lif_refractory")
X = np.random.default_rng(0).uniform(0, 1, (7, 2, 5, 3))
ENCODINGS: dict[str, Encoding] = {
    "current": Current(12), "bernoulli": Bernoulli(12, seed=3), "latency": Latency(12),
}  # fmt: skip


def looped(encoding: str = "bernoulli", readout: Any = "counts", model: NeuronModel = LIF):
    """Return a network with a convolution, pooling, delays, a loop and a residual."""
    network = SpikingNetwork.sequential(
        (2, 5, 3),
        [
            Conv2d(3, 3, model, padding=1), Recurrent(delay=1 * ms),
            Conv2d(3, 3, model, padding=1, delay="2 ms"), Residual("conv1"),
            Feedback("conv1", delay=3 * ms), AvgPool2d((2, 1)), Dense(4, model),
        ],
        encoding=ENCODINGS[encoding], readout=readout,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    weights = {
        p.name: (p.weight + rng.uniform(0, 0.5, p.weight.shape), p.bias)
        for p in network.projections if not p.frozen
    }  # fmt: skip
    return network.with_weights(weights)


def one_layer(model: NeuronModel, encoding: Encoding, weight: Any = 1.0, **options: Any):
    """Return a network of one neuron to each of two inputs."""
    network = SpikingNetwork.sequential(
        (2,), [Dense(2, model, bias=False)], encoding=encoding, **options
    )
    return network.with_weights({"input_to_output": (weight * np.eye(2), None)})


def assert_same(found: Recording, expected: Recording, rtol: float = 1e-12) -> None:
    assert set(found.shapes) == set(expected.shapes)
    for name in expected.shapes:
        np.testing.assert_array_equal(found.spikes[name], expected.spikes[name])
    np.testing.assert_allclose(found.output, expected.output, rtol=rtol)
    for name, variables in expected.traces.items():
        for variable, values in variables.items():
            one = found.traces[name][variable]
            np.testing.assert_allclose(one, values, rtol=0, atol=rtol * np.abs(values).max())


def rooted() -> NeuronModel:
    """Return neurons whose `s` turns NaN in the step after `v` passed 2."""
    return NeuronModel(
        "dv/dt = drive : 1\nds/dt = sqrt(2 - v)/second : 1\ndrive : Hz", emit="int(s >= 9)",
        reset="v = 0", drive="drive", method="euler", name="rooted",
    )  # fmt: skip
