"""Twins of networks for `leaky_backprop`."""

import numpy as np
import torch
from brian2 import ms

from brianbridge.encoding import Bernoulli, Current
from brianbridge.network import AvgPool2d, Conv2d, Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.twin.network import to_torch

STEPS = 12


ENCODINGS = {"current": Current(STEPS), "bernoulli": Bernoulli(STEPS, signed=True)}


def make(shape, *, encoding="current", bias=True, seed=0, tau=8 * ms, theta=1.2, **training):
    """Return a twin with random weights that make its neurons fire, and a batch for it."""
    lif = neuron_model("lif_zero", tau=tau, theta=theta)
    output = Dense(4, neuron_model("lif_zero", tau=tau), bias=bias)
    if shape == "dense":
        layers = [Dense(9, lif, bias=bias), Dense(7, lif, bias=bias), output]
        size = (5,)
    else:
        pool = neuron_model("if_zero", theta=0.75)
        layers = [
            Conv2d(3, 3, lif, padding=1, bias=bias),
            AvgPool2d(2, pool),
            Conv2d(4, 2, lif, bias=bias),
            Dense(6, lif, bias=bias),
            output,
        ]
        size = (2, 6, 6)
    net = SpikingNetwork.sequential(size, layers, encoding=ENCODINGS[encoding], readout="potential")
    random = np.random.default_rng(seed)
    net = net.with_weights(
        {
            p.name: (
                random.normal(0.25, 0.5, p.weight.shape),
                random.normal(0, 0.1, len(p.weight)) if bias else None,
            )
            for p in net.projections
            if not p.frozen
        }
    )
    twin = to_torch(net, dtype=torch.float64, **training)
    x = random.uniform(-1 if encoding == "bernoulli" else 0, 1, (8, *size))
    return twin, twin.encode(x), torch.as_tensor(random.integers(0, 4, 8))
