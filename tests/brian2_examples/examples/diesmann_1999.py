"""A volley of spikes travels along a chain of pools (synfire chain), each in noise."""

from __future__ import annotations

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, mV, seed
from example import Example


def build() -> Example:
    """Return five pools of 20 neurons."""
    seed(1999)
    constants = {
        "taum": 10 * ms, "taupsp": 0.325 * ms, "Vr": -70 * mV, "Vt": -55 * mV,
        "mean": 25.27 * mV / ms, "sigma": 39.24 * mV / ms**0.5,
    }  # fmt: skip
    cells = NeuronGroup(
        100,
        """dv/dt = (Vr - v + x)/taum : volt (unless refractory)
        dx/dt = (y - x)/taupsp : volt
        dy/dt = -y/taupsp + mean + sigma*xi : volt""",
        threshold="v > Vt", reset="v = Vr", refractory=1 * ms, method="euler",
        namespace=constants, name="cells",
    )  # fmt: skip
    cells.v = "Vr + rand()*(Vt - Vr)"
    draw = np.random.default_rng(4)
    times = np.concatenate([at + draw.normal(0, 1, 20) for at in range(10, 1000, 50)])
    volley = SpikeGeneratorGroup(
        20, np.tile(np.arange(20), 20), np.round(times, 1) * ms, sorted=False, name="volley"
    )
    start = Synapses(volley, cells[:20], "w : volt", on_pre="y += w", delay=5 * ms, name="start")
    start.connect()
    link = Synapses(cells, cells, "w : volt", on_pre="y += w", delay=5 * ms, name="link")
    link.connect("i//20 + 1 == j//20")
    start.w = link.w = 24 * mV
    return Example(
        name="diesmann_1999",
        paper="Diesmann, Gewaltig and Aertsen (1999), Stable propagation of synchronous spiking in "
        "cortical neural networks",
        mechanism="synfire chain with delays, noise as a current",
        network=Network(cells, volley, start, link),
        traces=("v", "y"),
        change=0.2,
    )
