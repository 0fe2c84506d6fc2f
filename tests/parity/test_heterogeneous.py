"""Parameters that differ from neuron to neuron: each neuron as if it were alone with its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, mV
from small_networks import assert_close, assert_same, simulate, twin_recording

from brianbridge.encoding import Bernoulli, Current
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.neurons.library import neuron_model

#: Four values of each parameter; equal ones, and equal time constants, among them.
PARAMETERS = {
    "lif": {"tau": [3, 10, 10, 40] * ms, "theta": np.array([0.5, 0.8, 1.1, 1.4])},
    "cuba_lif": {"tau": [5, 10, 20, 10] * ms, "tau_s": [5, 3, 20, 8] * ms},
    "lif_refractory": {"t_ref": [0, 1, 2.5, 6] * ms, "tau": [5, 10, 20, 30] * ms},
    "multi_threshold_lif": {"s_max": np.array([1.0, 2.0, 3.0, 4.0])},
    "izhikevich": {"c": [-65, -60, -55, -50] * mV, "d": [8, 6, 4, 2] * mV / ms},
}
SCALE = {"izhikevich": 0.02, "cuba_lif": 3.0}
ENCODINGS = {"current": Current(25), "bernoulli": Bernoulli(25, signed=True)}
X = np.random.default_rng(5).uniform(-0.3, 1, (3, 6))


def network_of(model: str, encoding: str) -> SpikingNetwork:
    """Return one population of four different neurons, in a 2 x 2 square."""
    rng = np.random.default_rng(11)
    scale = SCALE.get(model, 1.0)
    population = Population("output", (2, 2), neuron_model(model, **PARAMETERS[model]))
    weight = scale * rng.normal(0.4, 0.6, (4, 6))
    bias = scale * rng.normal(0.1, 0.1, 4)
    projection = Projection("input", "output", weight, bias)
    return SpikingNetwork((6,), ENCODINGS[encoding], (population,), (projection,))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("model", PARAMETERS)
def test_each_neuron_behaves_as_alone(model, encoding):
    network = network_of(model, encoding)
    record = ("spikes", *network.output.neuron.state_variables)
    together = simulate(network, X, record=record)
    assert_same(twin_recording(network, X, record), together, rtol=1e-11)
    assert together.spikes["output"].shape == (25, 3, 2, 2)
    for neuron, place in enumerate(np.ndindex(2, 2)):
        values = {key: array[neuron] for key, array in PARAMETERS[model].items()}
        alone = replace(
            network,
            populations=(Population("output", (1,), neuron_model(model, **values)),),
            projections=tuple(
                replace(p, weight=p.weight[[neuron]], bias=p.bias[[neuron]])
                for p in network.projections
            ),
        )
        expected = simulate(alone, X, record=record)
        found = together.spikes["output"][:, :, *place]
        np.testing.assert_array_equal(found, expected.spikes["output"][..., 0])
        for variable, trace in expected.traces["output"].items():
            assert_close(together.traces["output"][variable][:, :, *place], trace[..., 0], 1e-11)
    counts = together.counts["output"]
    assert counts.any()
    assert np.ptp(counts) > 0
