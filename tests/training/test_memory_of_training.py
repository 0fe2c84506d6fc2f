"""What training holds while it differentiates."""

from __future__ import annotations

import weakref

import numpy as np

import brianbridge as bb
from brianbridge.rules.surrogate_gradient import SurrogateGradient
from brianbridge.training.spike_rate import SpikeRate


def test_spikes_that_are_counted_are_free_before_the_backward_pass(monkeypatch):
    lif = bb.neuron_model("lif")
    net = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(6, lif), bb.Dense(3, lif)], encoding=bb.Bernoulli(5)
    )
    data = bb.from_arrays("few", np.random.default_rng(0).random((9, 4)), np.arange(9) % 3)
    respond, held = SurrogateGradient.respond, []

    def watched(self, *arguments):
        response = respond(self, *arguments)
        activity = weakref.ref(response.spike_counts.__self__)
        assert activity() is not None
        response.output.register_hook(lambda gradient: held.append(activity() is not None))
        return response

    monkeypatch.setattr(SurrogateGradient, "respond", watched)
    for rate in (None, SpikeRate(0.1)):
        options = {"epochs": 1, "batch_size": 4, "validation_fraction": 0.0, "spike_rate": rate}
        bb.train(bb.to_torch(net), data, "surrogate_gradient", **options)
    assert held == [False] * 6
