"""Neurons whose firing depends on constants or the time alone fire in the twin as in Brian2."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, Synapses, ms

import brianbridge as bb

PACEMAKERS = {
    "constants": ("", "z > 1"),
    "time": ("", "t > 5*ms"),
    "rhythm": ("", "sin(2*pi*f*t) > 0.9"),
    "constants and time": ("", "z*t > 8*ms"),
    "a counter": ("n : 1", "t > 5*ms and n < 3"),
}


@pytest.mark.parametrize("kind", PACEMAKERS)
@pytest.mark.parametrize("last", [True, False])
def test_pacemakers_fire_in_the_twin_as_in_brian2(kind, last):
    extra, threshold = PACEMAKERS[kind]
    pacemakers = NeuronGroup(
        4, f"z : 1\n{extra}", threshold=threshold, reset="n += 1" if extra else "",
        namespace={"f": 100 * Hz}, name="z_last" if last else "a_first",
    )  # fmt: skip
    pacemakers.z = [0, 2, 0, 2]
    cells = NeuronGroup(
        3, "dv/dt = (0.2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="euler",
        name="cells",
    )  # fmt: skip
    wires = Synapses(pacemakers, cells, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    wires.w = 0.3
    net = bb.from_brian2(Network(pacemakers, cells, wires), steps=20 * ms, dt=0.5 * ms)
    x = np.zeros((2, *net.input_shape))
    mine = bb.to_torch(net).record(x, seed=0)
    for path in ("batched", "reference"):
        theirs = bb.simulate(net, x, seed=0, backend=bb.Backend(path=path))
        for name, spikes in theirs.spikes.items():
            assert spikes.any()
            np.testing.assert_array_equal(mine.spikes[name], spikes, err_msg=f"{name}, {path}")
