"""Networks whose neurons fire once, and samples for them."""

from __future__ import annotations

import numpy as np

from brianbridge.encoding import Latency
from brianbridge.network import Conv2d, Dense, MaxPool2d, SpikingNetwork
from brianbridge.neurons.library import neuron_model

ONCE = neuron_model("single_spike_if")


T = 12


#: As in S4NN.
S4NN = {"slope": "unit", "width": 0.5, "loss_function": "relative", "initial_potential": 0.0}


def network(layers, shape=(2, 9, 8), seed=0, **options):
    options = {"encoding": Latency(T), "readout": "first_spike", "weight_gain": 6.0} | options
    return SpikingNetwork.sequential(shape, layers, seed=seed, **options)


def dense(units, **options):
    return Dense(units, ONCE, bias=False, **options)


def conv(channels, kernel, **options):
    return Conv2d(channels, kernel, ONCE, bias=False, **options)


NETWORKS = {
    "dense": lambda seed: network([dense(30), dense(5)], (17,), seed),
    "convolution": lambda seed: network([conv(4, 3), dense(5)], seed=seed),
    "stride and padding": lambda seed: network(
        [conv(4, (3, 2), stride=(2, 1), padding=(1, 2)), dense(5)], seed=seed
    ),
    "pooled": lambda seed: network(
        [conv(6, 3, padding=1), MaxPool2d(2), conv(5, 3), MaxPool2d(3, 1, 1), dense(9), dense(4)],
        seed=seed,
    ),
    "delayed": lambda seed: network([dense(30, delay="3 ms"), dense(5, delay="1 ms")], (17,), seed),
    "a bias": lambda seed: network([Dense(30, ONCE), dense(5)], (17,), seed),
    "grouped": lambda seed: network([conv(4, 3, groups=2), dense(5)], seed=seed),
}


def samples(net, number=20, seed=1):
    x = np.random.default_rng(seed).random((number, *net.input_shape))
    return np.where(x < 0.3, 0, x)
