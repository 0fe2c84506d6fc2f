"""Poisson coding: the raster that the twin sees, and spikes that Brian2 draws itself."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, kHz, ms

from brianbridge.encoding import Current, Poisson, encoding_from_dict
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

X = np.random.default_rng(0).random((300, 8))


def network(encoding=None) -> SpikingNetwork:
    encoding = encoding or Poisson(40, rate=200 * Hz)
    net = SpikingNetwork.sequential((8,), [Dense(6, neuron_model("if"))], encoding=encoding)
    return net.with_weights({"input_to_output": (np.full((6, 8), 5 / 16), None)})


def test_the_raster_has_the_rate():
    encoding = Poisson(2000, 1 * ms, rate="0.1 kHz")
    raster = encoding.encode(np.array([[0.0, 0.5, 1.0]]), np.arange(1)).raster[:, 0]
    # 2,000 steps at 0.05 and 0.1: four standard deviations are 39 and 54 spikes.
    assert raster.dtype == np.int8
    assert raster[:, 0].sum() == 0
    assert abs(raster[:, 1].sum() - 100) < 39
    assert abs(raster[:, 2].sum() - 200) < 54


def test_a_description_survives():
    encoding = Poisson(5, rate=0.2 * kHz, seed=3)
    assert encoding.rate == 200.0
    assert encoding_from_dict(encoding.to_dict()) == encoding


@pytest.mark.parametrize("rate", [0, -1.0, "5 ms", True, float("nan")])
def test_rates_that_are_none(rate):
    with pytest.raises(InputError, match="encoding 'poisson'"):
        Poisson(5, rate=rate)


@pytest.mark.parametrize("x", [[[-0.1]], [[11.0]]])
def test_intensities_that_give_no_probability(x):
    with pytest.raises(InputError, match="between 0 and 1000 Hz, one spike per step"):
        Poisson(5, rate=100.0).encode(np.array(x), np.arange(1))


def test_brian2_replays_what_the_twin_sees():
    twin = to_torch(network()).record(X[:20])
    np.testing.assert_array_equal(simulate(network(), X[:20]).spikes["output"],
                                  twin.spikes["output"])  # fmt: skip


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize("dt", [None, 0.25 * ms])
def test_brian2_draws_spikes_of_the_same_statistics(path, dt):
    drawn = simulate(network(), X, poisson=True, seed=1, backend=Backend(path=path), dt=dt)
    # A neuron without leak counts its input: 5/16 of every spike, at 200 Hz over 40 ms.
    expected = 5 / 16 * X.sum(1) * 200 * 0.04
    counts = drawn.counts["output"].mean(1)
    # Rounding down takes half a spike; the mean of 300 samples has an error of 0.05.
    assert abs((expected - 0.5 - counts).mean()) < 0.25
    again = simulate(network(), X, poisson=True, seed=1, backend=Backend(path=path), dt=dt)
    np.testing.assert_array_equal(again.spikes["output"], drawn.spikes["output"])
    other = simulate(network(), X, poisson=True, seed=2, backend=Backend(path=path), dt=dt)
    assert np.any(other.spikes["output"] != drawn.spikes["output"])


def test_only_a_poisson_encoding_can_be_drawn(refused):
    with refused("poisson = True", "this network has 'current'"):
        simulate(network(Current(5)), X, poisson=True)
    with refused("poisson = True", "encoded"):
        simulate(network(), network().encoding.encode(X, np.arange(300)), poisson=True)
