"""Noise is a function of seed, population, sample, step and neuron: never of how a run is done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, Poisson
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations import Condition, MembraneNoise, SynapticFailure, perturbed

X = np.random.default_rng(1).random((9, 6))


def network(encoding, neuron=None, *perturbations) -> SpikingNetwork:
    neuron = neuron or neuron_model("lif")
    layers = [Dense(8, neuron), Dense(5, neuron, delay=1e-3)]
    net = SpikingNetwork.sequential((6,), layers, encoding=encoding)
    random = np.random.default_rng(0)
    net = net.with_weights(
        {p.name: (random.normal(0.3, 0.5, p.weight.shape), p.bias) for p in net.projections}
    )
    return perturbed(Condition(net), perturbations, seed=3).network


#: Random numbers in every part of a neuron: equation, subexpressions, reset, refractoriness.
RANDOM = NeuronModel(
    """
    dv/dt = (drive - v + 0.1*randn())/(10*ms) + 0.05*k*Hz : 1
    k = poisson(2) : 1 (constant over dt)
    coin = rand() : 1 (constant over dt)
    drive : 1
    """,
    emit="int(v > 0.3)*(1 + int(coin > 0.5))",
    reset="v = 0.1*rand()",
    drive="drive",
    method="euler",
    refractory="(1 + 2*rand())*ms",
)
CASES = {
    "membrane": (network(Current(12), None, MembraneNoise(0.3)), {}),
    "synapses": (network(Bernoulli(12), None, SynapticFailure(0.3), MembraneNoise(0.1)), {}),
    "poisson": (network(Poisson(12, rate=300.0), None, SynapticFailure(0.3)), {"poisson": True}),
    "timing": (network(Bernoulli(12)), {"timing": "uniform", "dt": 0.1 * ms}),
    "everywhere": (network(Current(12), RANDOM), {}),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def assert_equal(found, expected, index=slice(None)):
    for name, spikes in expected.spikes.items():
        np.testing.assert_array_equal(found.spikes[name], spikes[:, index])


@cases
def test_the_way_a_run_is_done_changes_no_spike(case):
    net, options = case
    whole = bb.simulate(net, X, seed=5, backend=bb.Backend(threads=1), **options)
    assert all(20 < spikes.sum() < 0.9 * spikes.size * 2 for spikes in whole.spikes.values())
    for how in ({"threads": 2}, {"batch_size": 2, "threads": 2}, {"path": "reference"},
                {"path": "reference", "batch_size": 4}):  # fmt: skip
        assert_equal(bb.simulate(net, X, seed=5, backend=bb.Backend(**how), **options), whole)
    index = np.array([7, 2, 3])
    for path in ("batched", "reference"):
        part = bb.simulate(
            net, X[index], index=index, seed=5, backend=bb.Backend(path=path), **options
        )
        assert_equal(part, whole, index)


@cases
def test_seeds_differ_and_none_is_fresh(case):
    net, options = case
    one, other, *fresh = (bb.simulate(net, X, seed=s, **options) for s in (5, 6, None, None))
    for a, b in ((one, other), fresh):
        assert any((a.spikes[name] != b.spikes[name]).any() for name in a.spikes)


def test_samples_neurons_and_steps_differ():
    net = network(Current(12), None, MembraneNoise(0.3))
    same = np.repeat(X[:1], 9, axis=0)
    v = bb.simulate(net, same, seed=5, record=("v",)).traces["hidden"]["v"]
    assert len(np.unique(v[0])) == v[0].size


def test_a_large_group_draws_the_same(monkeypatch):
    net = network(Current(12), RANDOM)
    whole = bb.simulate(net, X, seed=5, backend=bb.Backend(threads=1))
    monkeypatch.setattr("brianbridge.simulation.batched.assembly.SMALL", 0)
    assert_equal(bb.simulate(net, X, seed=5, backend=bb.Backend(threads=1)), whole)


def test_compiled_code_of_the_users_target_draws_the_same():
    from brian2 import prefs

    net, _ = CASES["membrane"]
    whole = bb.simulate(net, X, seed=5)
    before, prefs.codegen.target = prefs.codegen.target, "auto"
    try:
        assert_equal(bb.simulate(net, X, seed=5, backend=bb.Backend(path="reference")), whole)
    finally:
        prefs.codegen.target = before


def test_gsl_with_random_numbers_is_refused(refused):
    net = network(Bernoulli(3), None)
    equations = "dv/dt = (rand() - v)/(10*ms) : 1"
    model = NeuronModel(equations, threshold="v > 1", reset="v = 0", method="gsl_rk2")
    populations = tuple(replace(p, neuron=model) for p in net.populations)
    projections = tuple(replace(p, bias=None) for p in net.projections)
    with refused("GSL", "'euler'"):
        bb.simulate(replace(net, populations=populations, projections=projections), X)
