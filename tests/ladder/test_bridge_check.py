"""A verification compares Brian2 with the twin of each rung."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Poisson
from brianbridge.ladder import bridge_check
from brianbridge.ladder.execution import Execution
from brianbridge.network import Dense, SpikingNetwork

FAILING = bb.Rung(name="failing", perturb={"synaptic_failure": {"probability": 0.3}})
NOISE = bb.Rung(name="noise", perturb={"membrane_noise": {}, "finer_dt": {"divisor": 3}})
LADDER = [bb.Rung(name="parity"), FAILING, NOISE]


def network():
    lif = bb.neuron_model("lif", theta=0.3)
    net = SpikingNetwork.sequential(
        (6,), [Dense(8, lif), Dense(3, lif)], encoding=Bernoulli(8), seed=2
    )
    first = net.projections[0]
    return net.with_weights({first.name: (np.abs(first.weight), first.bias)})


def data():
    draw = np.random.default_rng(0)
    return draw.random((30, 6)), draw.integers(0, 3, 30)


@pytest.mark.parametrize("shard", [7, 100])
def test_no_spike_differs_whatever_the_shards(shard):
    verdict = bb.verify(network(), data(), LADDER, execution=Execution(shard=shard))
    parity, *others = verdict.rungs
    assert parity.bridge is None  # all samples are compared with the same twin
    for rung in others:
        assert rung.bridge["samples"] == 20
        assert rung.bridge["mismatches"] == 0
        assert rung.bridge["spikes"] > 100
        assert rung.spike_mismatches > 0  # the network's own answer
    assert "0 of" in verdict._repr_html_()
    assert "2 rungs, first 20 samples" in verdict._repr_html_()


def test_a_twin_that_differs_is_told(monkeypatch):
    real = bridge_check.to_torch
    monkeypatch.setattr(
        bridge_check, "to_torch",
        lambda net, **options: real(
            net.with_weights({p.name: (1.1 * p.weight, p.bias) for p in net.projections}), **options
        ),
    )  # fmt: skip
    verdict = bb.verify(network(), data(), LADDER)
    assert all(rung.bridge["mismatches"] > 0 for rung in verdict.rungs[1:])
    assert "cells differ from the twin of the rung" in verdict._repr_html_()


def test_large_networks_are_checked_on_fewer_samples(monkeypatch):
    monkeypatch.setattr(bridge_check, "_CELLS", 600)
    assert bb.verify(network(), data(), LADDER).rungs[1].bridge["samples"] == 600 // (8 * 11)
    monkeypatch.setattr(bridge_check, "_STEPS", 7)
    assert bb.verify(network(), data(), LADDER).rungs[1].bridge is None


def test_input_that_brian2_draws_has_no_twin():
    poisson = bb.Rung(name="poisson", perturb={"input_timing": {"kind": "poisson"}})
    net = replace(network(), encoding=Poisson(8, rate=200.0))
    assert bb.verify(net, data(), [poisson]).rungs[0].bridge is None
