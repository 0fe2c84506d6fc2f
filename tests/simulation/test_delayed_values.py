"""Delayed graded spikes: the reference path carries the value that a spike had when it was sent."""

from __future__ import annotations

import numpy as np
import pytest

from brianbridge.encoding import Bernoulli
from brianbridge.network import Dense, Feedback, Population, Projection, Sparse, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

GRADED = neuron_model("multi_threshold_lif", theta=0.4)
X = np.random.default_rng(1).uniform(-1, 1, (5, 6))


def network(delay: float, feedback: float) -> SpikingNetwork:
    layers = [
        Dense(7, GRADED, delay=delay),
        Dense(4, GRADED, delay=delay),
        Feedback("hidden", delay=feedback),
    ]
    encoding = Bernoulli(15, signed=True, seed=1)
    net = SpikingNetwork.sequential((6,), layers, encoding=encoding)
    rng = np.random.default_rng(3)
    return net.with_weights(
        {p.name: (rng.normal(0.4, 0.8, p.weight.shape), p.bias) for p in net.projections}
    )


@pytest.mark.parametrize("delay", [0.0, 1e-3, 3e-3])
@pytest.mark.parametrize("feedback", [0.0, 2e-3])
def test_values_arrive_with_their_spikes(delay, feedback):
    net = network(delay, feedback)
    reference = simulate(net, X, backend=Backend(path="reference"))
    twin = to_torch(net).record(X)
    for name in ("hidden", "output"):
        assert len(np.unique(reference.events(name).value)) > 2
        np.testing.assert_array_equal(reference.spikes[name], twin.spikes[name])
        fine = [
            simulate(net, X, backend=Backend(path=path), dt=5e-4)
            for path in ("reference", "batched")
        ]
        np.testing.assert_array_equal(fine[0].spikes[name], fine[1].spikes[name])


def test_graded_spikes_with_a_delay_for_each_synapse():
    """Three synapses with delays of 0, 1 and 3 steps are three projections with those delays."""
    source = Population("source", (3,), GRADED)
    target = Population("target", (1,), neuron_model("if"))
    weight = np.array([0.3, 0.5, 0.7])
    into = Projection("input", "source", np.eye(3, 6) * 2)

    def net(*projections: Projection) -> SpikingNetwork:
        encoding = Bernoulli(15, seed=2)
        return SpikingNetwork((6,), encoding, (source, target), (into, *projections))

    delays = np.array([0, 1e-3, 3e-3])
    together = net(
        Projection("source", "target", weight, connection=Sparse(range(3), [0] * 3, delays))
    )
    apart = net(
        *(
            Projection(
                "source", "target", weight[k : k + 1], connection=Sparse([k], [0]),
                delay=delays[k], label=f"by{k}",
            )
            for k in range(3)
        )
    )  # fmt: skip
    found = simulate(together, np.abs(X), backend=Backend(path="reference"))
    expected = simulate(apart, np.abs(X))
    assert len(found.events("target")) > 20
    np.testing.assert_array_equal(found.spikes["target"], expected.spikes["target"])
