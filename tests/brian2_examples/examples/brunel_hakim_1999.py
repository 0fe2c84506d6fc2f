"""Inhibitory neurons with noise and a delay oscillate together, although each fires rarely."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, mV, seed
from example import Example


def build() -> Example:
    """Return 200 neurons with noisy drive, each of which inhibits a tenth of the others."""
    seed(1999)
    cells = NeuronGroup(
        200, "dv/dt = (mu - v)/tau + sigma*(2/tau)**.5*xi : volt (unless refractory)",
        threshold="v > theta", reset="v = v_r", refractory=2 * ms, method="euler", name="cells",
        namespace={"mu": 25 * mV, "sigma": 1 * mV, "tau": 20 * ms, "theta": 20 * mV,
                   "v_r": 10 * mV},
    )  # fmt: skip
    cells.v = "v_r + rand()*(theta - v_r)"
    inhibition = Synapses(
        cells, cells, "w : volt", on_pre="v -= w", delay=2 * ms, name="inhibition"
    )
    inhibition.connect(p=0.1)
    inhibition.w = 1 * mV
    return Example(
        name="brunel_hakim_1999",
        paper="Brunel & Hakim (1999), Fast global oscillations in networks of integrate-and-fire "
        "neurons with low firing rates",
        mechanism="sparse delayed inhibition of neurons with noise",
        network=Network(cells, inhibition),
        # The first two delays. After these, surrogate gradients of an oscillation say little.
        loss=lambda run: run.traces["cells"]["v"][:40].mean(),
        change=0.2,
    )
