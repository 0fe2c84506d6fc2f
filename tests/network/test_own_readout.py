"""A readout of one's own: the twin, both paths, finer steps, files, rules and errors."""

import numpy as np
import pytest
import torch

from brianbridge.encoding import Latency
from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.network import Dense, OutputRun, Readout, SpikingNetwork
from brianbridge.network.readouts import READOUTS
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

X = np.random.default_rng(4).random((40, 12))


class EarlySpikes(Readout):
    """Count spikes, later ones less."""

    name = "early_spikes_of_a_test"

    def output(self, run: OutputRun):
        return sum(0.9**step * spikes for step, spikes in enumerate(run.raster()))


class WrongShape(Readout):
    """Forget to sum over steps."""

    name = "wrong_shape_of_a_test"

    def output(self, run: OutputRun):
        return run.raster()


class Silent(Readout):
    """Count spikes of neurons that do not fire."""

    name = "silent_of_a_test"
    fires = False

    def output(self, run: OutputRun):
        return run.counts()


@pytest.fixture(scope="module", autouse=True)
def _forget():
    yield
    for cls in (EarlySpikes, WrongShape, Silent):
        READOUTS._entries.pop(cls.name, None)


def network(readout: str = EarlySpikes.name) -> SpikingNetwork:
    layers = [Dense(30, neuron_model("lif")), Dense(4, neuron_model("lif"))]
    return SpikingNetwork.sequential(
        (12,), layers, encoding=Latency(16), readout=readout, weight_gain=20.0, seed=2
    )


def by_hand(raster: np.ndarray) -> np.ndarray:
    return np.tensordot(0.9 ** np.arange(len(raster)), raster, axes=1)


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize("divisor", [1, 4])
def test_the_twin_and_brian2_read_it_alike(path, divisor):
    net = network()
    twin = to_torch(net).record(X)
    brian2 = simulate(net, X, dt=net.dt / divisor, backend=Backend(path=path))
    np.testing.assert_allclose(twin.output, by_hand(twin.spikes["output"]), rtol=1e-12)
    np.testing.assert_allclose(
        brian2.output, by_hand(brian2.raster("output", coarse=divisor)), rtol=1e-12
    )
    assert len(np.unique(twin.output)) > 20
    if divisor == 1:
        np.testing.assert_allclose(brian2.output, twin.output, rtol=1e-12)


def test_a_rule_follows_its_gradient():
    twin = to_torch(network(), dtype=torch.float64)
    twin(X).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in twin.parameters())


def test_network_files_keep_it(tmp_path):
    save_network(network(), tmp_path / "network.h5")
    assert load_network(tmp_path / "network.h5").readout == EarlySpikes.name


def test_an_output_of_another_shape_is_refused():
    net = network(WrongShape.name)
    for run in (to_torch(net).record, lambda x: simulate(net, x)):
        with pytest.raises(InputError, match=r"returned an output of shape \(16, \d+, 4\); return"):
            run(X)


def test_spikes_of_neurons_that_do_not_fire_are_refused():
    net = network(Silent.name)
    for run in (to_torch(net).record, lambda x: simulate(net, x)):
        with pytest.raises(InputError, match="asks for spikes of neuron model 'lif'"):
            run(X)


def test_unknown_readouts_get_a_hint():
    with pytest.raises(InputError, match=r"no readout 'count'\. Did you mean 'counts'"):
        network("count")
    assert {"counts", "first_spike", "potential"} <= set(READOUTS)
