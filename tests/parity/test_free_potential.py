"""A last population that does not fire sums up what it gets; for IF that is known in advance."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import assert_close, simulate, twin_recording, two_layers

from brianbridge.encoding import Bernoulli, Current
from brianbridge.neurons.library import neuron_model

STEPS = 30
X = np.random.default_rng(2).uniform(0, 1, (4, 6))


@pytest.mark.parametrize("encoding", [Current(STEPS), Bernoulli(STEPS)])
@pytest.mark.parametrize("model", ["if", "ternary_if"])
def test_free_potential_is_the_weighted_sum_of_counts(model, encoding):
    network = two_layers(neuron_model(model), encoding, readout="potential")
    last = network.projections[-1]
    for recording in (simulate(network, X), twin_recording(network, X)):
        counts = recording.counts["hidden"]
        assert np.abs(counts).sum() > 50
        assert_close(recording.output, counts @ last.weight.T + STEPS * last.bias)
        assert set(recording.shapes) == {"hidden"}


def test_free_potential_of_an_only_population_is_the_input():
    network = two_layers(neuron_model("if"), Current(STEPS))
    first = network.projections[0]
    alone = type(network)(
        network.input_shape, network.encoding, network.populations[:1], (first,), "potential"
    )
    expected = STEPS * (X @ first.weight.T + first.bias)
    assert_close(simulate(alone, X).output, expected)
    # The same current for the same time, whatever the step.
    assert_close(simulate(alone, X, dt=network.dt / 8).output, expected)
