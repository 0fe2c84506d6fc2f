"""The reference path as a C++ program: the spikes of the other paths, one build for all samples."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import get_device, set_device
from brian2.devices.device import runtime_device

from brianbridge.encoding import Bernoulli, Current, Poisson
from brianbridge.network import AvgPool2d, Conv2d, Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate

X = np.random.default_rng(0).random((5, 2, 6, 6))


def network(encoding) -> SpikingNetwork:
    layers = [
        Conv2d(3, 3, neuron_model("multi_threshold_lif"), padding=1),
        AvgPool2d(2),
        Dense(5, neuron_model("lif"), delay=1e-3),
        Recurrent(),
        Dense(3, neuron_model("lif")),
    ]
    net = SpikingNetwork.sequential((2, 6, 6), layers, encoding=encoding, readout="potential")
    rng = np.random.default_rng(1)
    return net.with_weights(
        {p.name: (rng.normal(0.3, 0.7, p.weight.shape), p.bias) for p in net.projections}
    )


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [Current(10), Bernoulli(10)])
def test_a_program_has_the_same_spikes(encoding):
    net, record = network(encoding), ("spikes", "v", "t_crossing")
    # Two full chunks and a part of one: three starts of one program.
    found = simulate(net, X, backend=Backend(device="cpp_standalone", batch_size=2), record=record)
    expected = simulate(net, X, record=record)
    for name in expected.shapes:
        assert len(expected.events(name)) > 30
        np.testing.assert_array_equal(found.spikes[name], expected.spikes[name])
        ours, theirs = (r.events(name).sorted().t_crossing for r in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            found.traces[name]["v"], expected.traces[name]["v"], rtol=0, atol=1e-9
        )
    np.testing.assert_allclose(found.output, expected.output, rtol=0, atol=1e-9)
    assert get_device() is runtime_device


def test_what_cannot_be_a_program(refused, tmp_path):
    net = network(Current(3))
    with refused("path = 'batched'", "path = 'reference'"):
        simulate(net, X, backend=Backend(device="cpp_standalone", path="batched"))
    with refused("no device 'standalone'", "Did you mean 'cpp_standalone'?"):
        simulate(net, X, backend=Backend(device="standalone"))
    with refused("replays input spikes"):
        simulate(network(Poisson(3)), X, backend=Backend(device="cpp_standalone"), poisson=True)
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    with refused("active device is 'cpp_standalone'", "brian2.devices.reset_device()"):
        simulate(net, X, backend=Backend(device="cpp_standalone"))


@pytest.mark.slow
def test_noise_of_a_program_belongs_to_its_seed_and_differs_between_chunks():
    from brianbridge.perturbations import Condition, MembraneNoise, perturbed

    net = SpikingNetwork.sequential((3,), [Dense(4, neuron_model("lif"))], encoding=Current(10))
    net = perturbed(Condition(net), [MembraneNoise(0.3)]).network
    x, program = np.ones((4, 3)), Backend(device="cpp_standalone", batch_size=2)
    before = np.random.get_state()[1].copy()
    one, again, other = (
        simulate(net, x, record=("v",), seed=seed, backend=program).traces["output"]["v"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    # The second chunk is another start of the program, of the same samples.
    assert (one[:, :2] != one[:, 2:]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)
