"""Neurons and chains of layers for tests."""

from __future__ import annotations

from brian2 import ms

import brianbridge as bb
from brianbridge.encoding import Bernoulli
from brianbridge.network import (
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model

IF, LIF, ZERO, ONCE = (neuron_model(n) for n in ("if", "lif", "lif_zero", "single_spike_if"))


DEAF = bb.NeuronModel(
    "dv/dt = -v/tau : 1", emit="int(v > 1)", receive="", parameters={"tau": 10 * ms}, name="deaf"
)


def chain(*layers, shape=(2, 7, 5), encoding=None, **options) -> SpikingNetwork:
    return SpikingNetwork.sequential(shape, layers, encoding=encoding or Bernoulli(6), **options)
