"""At most one spike a neuron, in every path, under input that would make others fire all the time.

Neurons without leak keep times, order and outputs at a tenth of the step.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms

import brianbridge as bb
from brianbridge.encoding import Current, Latency
from brianbridge.network import Conv2d, Dense, MaxPool2d, SpikingNetwork
from brianbridge.network.readouts.first_spike import first_spike_times
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import FirstSpike, SingleSpikeVectorised

AT_SPIKE = "brianbridge.rules.single_spike.at_spike"

IF, LIF = neuron_model("single_spike_if"), neuron_model("single_spike_lif")
T = 8


def network(neuron, encoding=None, readout="first_spike", **options):
    layers = [
        Conv2d(4, 3, neuron, bias=False), MaxPool2d(2), Dense(12, neuron, bias=False),
        Dense(5, neuron, bias=False),
    ]  # fmt: skip
    return SpikingNetwork.sequential(
        (1, 8, 8), layers, encoding=encoding or Latency(T), readout=readout, weight_gain=20.0,
        weight_mean=2.0, seed=3, **options,
    )  # fmt: skip


X = np.random.default_rng(5).random((6, 1, 8, 8))


def assert_single(spikes):
    for name, emitted in spikes.items():
        emitted = np.asarray(emitted)
        counts = (emitted != 0).sum(0)
        assert counts.max() == 1, name
        assert emitted.max() == 1, name
    assert any(np.asarray(s).sum(0).mean() > 0.2 for s in spikes.values())


PATHS = {
    "batched": {},
    "batched, ten times finer": {"dt": 0.1 * ms},
    "reference": {"backend": bb.Backend(path="reference")},
    "Brian2's own order": {"schedule": "default"},
}


@pytest.mark.parametrize("neuron", [IF, LIF], ids=lambda n: n.name)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", [Latency(T), Current(T)], ids=lambda e: e.kind)
def test_in_brian2(neuron, path, encoding):
    assert_single(bb.simulate(network(neuron, encoding), X, **PATHS[path]).spikes)


@pytest.mark.slow
def test_in_a_standalone_program():
    assert_single(bb.simulate(network(IF), X, backend=bb.Backend(device="cpp_standalone")).spikes)


@pytest.mark.parametrize("neuron", [IF, LIF], ids=lambda n: n.name)
@pytest.mark.parametrize("encoding", [Latency(T), Current(T)], ids=lambda e: e.kind)
def test_in_the_twin(neuron, encoding):
    twin = bb.to_torch(network(neuron, encoding), dtype=torch.float64)
    spikes = twin.run(*twin.encode(X)).spikes
    assert_single({name: values.detach() for name, values in spikes.items()})


@pytest.mark.parametrize("way", ["every step", "by events", "by steps"])
def test_in_the_rule_of_first_spikes(way, monkeypatch):
    if way == "by steps":
        monkeypatch.setattr(f"{AT_SPIKE}.has_event_kernel", lambda *_: False)
    slope = "every_step" if way == "every step" else "unit"
    twin = bb.to_torch(network(IF), dtype=torch.float64)
    inputs = twin.encode(X)
    response = FirstSpike(slope, loss_function="cross_entropy").respond(twin, *inputs)
    for name, emitted in twin.run(*inputs).spikes.items():
        counts = response.spike_counts(name)
        assert set(counts.unique().tolist()) <= {0.0, 1.0}
        assert torch.equal(counts, emitted.sum(0))


def test_in_the_vectorised_rule():
    twin = bb.to_torch(network(LIF, readout="potential"), dtype=torch.float64)
    inputs = twin.encode(X)
    response = SingleSpikeVectorised().respond(twin, *inputs)
    for name, emitted in twin.run(*inputs).spikes.items():
        counts = response.spike_counts(name)
        assert set(counts.unique().tolist()) <= {0.0, 1.0}
        assert torch.equal(counts, emitted.sum(0))


def test_a_finer_step_keeps_times_and_order_without_a_leak():
    """The potential changes with input spikes alone, which fall on the start of coarse steps."""
    net = network(IF)
    coarse, fine = (bb.simulate(net, X, dt=dt * ms) for dt in (1, 0.1))
    for name, emitted in coarse.spikes.items():
        when = np.where(emitted.any(0), emitted.argmax(0), T)
        finer = fine.spikes[name]
        assert np.array_equal(np.where(finer.any(0), finer.argmax(0) / 10, T), when), name
    times = first_spike_times(coarse.output, T)
    assert np.array_equal(first_spike_times(fine.output, T, grid=0.1).round(9), times)
    assert np.array_equal(np.argsort(-coarse.output, 1), np.argsort(-fine.output, 1))
