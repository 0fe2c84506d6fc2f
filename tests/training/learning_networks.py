"""Networks whose neuron parameters are learned."""

from __future__ import annotations

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms

import brianbridge as bb

LIF = bb.neuron_model("lif")


def two_layers(neuron=LIF, encoding=None, readout="counts"):
    layers = [bb.Dense(5, neuron), bb.Dense(3, LIF)]
    return bb.SpikingNetwork.sequential(
        (4,), layers, encoding=encoding or bb.Current(30), readout=readout, seed=2, weight_gain=6.0
    )


def script(per_neuron=True):
    """Return a network of the user: constants outside, in the namespace, and in the equations."""
    pixels = SpikeGeneratorGroup(4, [], [] * ms, name="pixels")
    cells = NeuronGroup(
        5, "dv/dt = (E - v)/tau : 1\nE : 1\ntau : second (constant)", threshold="v > theta",
        reset="v = low", method="exact", name="cells", namespace={"low": 0.05},
    )  # fmt: skip
    cells.tau = np.linspace(5, 20, 5) * ms if per_neuron else 10 * ms
    cells.E, cells.v = 0.6, np.linspace(0, 0.4, 5)
    wires = Synapses(pixels, cells, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    wires.w = 0.7
    return Network(pixels, cells, wires)
