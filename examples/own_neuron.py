"""Describe a neuron whose threshold rises with each spike, and compare twin and Brian2."""

import numpy as np
from brian2 import ms

import brianbridge as bb

neuron = bb.NeuronModel(
    equations="dv/dt = -v/tau : 1\nda/dt = -a/tau_a : 1",
    emit="int(v > 1 + a)",
    reset="v = 0\na += jump",
    receive="v",
    parameters={"tau": "20 ms", "tau_a": "50 ms", "jump": 0.5},
)
network = bb.SpikingNetwork.sequential(
    (5,), [bb.Dense(20, neuron, bias=False), bb.Dense(3, neuron, bias=False)],
    encoding=bb.Bernoulli(steps=100, dt=1 * ms), weight_gain=6.0, seed=1,
)  # fmt: skip
x = np.random.default_rng(1).random((10, 5))
ours, brian2s = bb.to_torch(network).record(x), bb.simulate(network, x)
print(brian2s)
print("spikes that differ:", int((ours.spikes["hidden"] != brian2s.spikes["hidden"]).sum()))
