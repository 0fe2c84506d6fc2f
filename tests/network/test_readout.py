"""Readout by first spikes: earlier wins, ties by potential; the same in twin and Brian2."""

import numpy as np
import pytest
import torch

from brianbridge.encoding import Latency
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.network.readouts.first_spike import first_spike_output, first_spike_times
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch


@pytest.mark.parametrize(
    ("first", "at_spike", "at_end", "expected"),
    [
        ([3, 1, 2], [0, 0, 0], [9, 9, 9], 1),  # the earliest
        ([3, 3, 5], [1.1, 1.2, 9], [9, 1, 9], 1),  # a tie, by the potential at the spike
        ([5, 4, 5], [9, 0.1, 9], [9, -9, 9], 1),  # late, but it fired
        ([5, 5, 5], [9, 0, 0], [0.1, 0.3, -2], 1),  # none fired: by the potential at the end
        ([2, 2, 2], [1, 1, 1], [0, 0, 0], 0),  # nothing tells them apart
    ],
)
def test_hand_made_cases(first, at_spike, at_end, expected):
    arguments = (np.array(v, dtype=float) for v in (first, at_spike, at_end))
    output = first_spike_output(*arguments, steps=5)
    assert output.argmax() == expected
    tensors = (torch.tensor(v, dtype=torch.float64) for v in (first, at_spike, at_end))
    assert first_spike_output(*tensors, steps=5).tolist() == output.tolist()
    assert first_spike_times(output, steps=5).tolist() == first


def test_a_later_fine_step_never_wins_by_its_potential():
    output = first_spike_output(np.array([1.1, 1.2]), np.array([1e-9, 1e9]), 0.0, 4, grid=0.1)
    assert output.argmax() == 0
    np.testing.assert_allclose(first_spike_times(output, 4, grid=0.1), [1.1, 1.2], atol=1e-12)


def network(**options):
    once = neuron_model("single_spike_if")
    layers = [Dense(30, once, bias=False), Dense(4, once, bias=False)]
    return SpikingNetwork.sequential(
        (12,), layers, encoding=Latency(16), readout="first_spike", weight_gain=4.0, **options
    )


X = np.random.default_rng(4).random((40, 12))


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize("divisor", [1, 10])
def test_the_twin_and_brian2_decide_alike(path, divisor):
    net = network(seed=2)
    twin = to_torch(net).record(X)
    brian2 = simulate(net, X, dt=net.dt / divisor, backend=Backend(path=path))
    first = twin.events("output").first_steps(40, 4, 16)
    assert len(np.unique(first)) > 5
    assert (first == 16).any()
    np.testing.assert_array_equal(first_spike_times(twin.output, 16), first)
    np.testing.assert_allclose(first_spike_times(brian2.output, 16, 1 / divisor), first, atol=1e-9)
    assert brian2.prediction.tolist() == twin.prediction.tolist()
    for name in ("hidden", "output"):
        assert max(twin.counts[name].max(), brian2.counts[name].max()) == 1


def test_the_potential_at_the_spike_is_kept():
    net = network(seed=2)
    output = simulate(net, X, record=("spikes", "v")).output
    twin = to_torch(net, dtype=torch.float64)
    with torch.no_grad():
        activity = twin.run(*twin.encode(X), record=("v",))
    first = Events.from_raster(activity.spikes["output"].numpy(), 1e-3).first_steps(40, 4, 16)
    v = activity.traces["output"]["v"].numpy()
    at = np.take_along_axis(v, np.minimum(first, 15).astype(int)[None], 0)[0]
    np.testing.assert_allclose(output, first_spike_output(first, at, v[-1], 16), atol=1e-12)
