"""Irregular activity with synaptic conductances (COBA)."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, mV, seed
from example import Example


def build() -> Example:
    """Return 100 neurons, 80 of them excitatory, with exponential conductances."""
    seed(2005)
    constants = {
        "taum": 20 * ms, "taue": 5 * ms, "taui": 10 * ms, "Vt": -50 * mV, "Vr": -60 * mV,
        "El": -60 * mV, "Ee": 0 * mV, "Ei": -80 * mV, "drive": 13 * mV,
    }  # fmt: skip
    cells = NeuronGroup(
        100,
        """dv/dt = (El - v + drive + ge*(Ee - v) + gi*(Ei - v))/taum : volt (unless refractory)
        dge/dt = -ge/taue : 1
        dgi/dt = -gi/taui : 1""",
        threshold="v > Vt", reset="v = Vr", refractory=5 * ms, method="exponential_euler",
        namespace=constants, name="cells",
    )  # fmt: skip
    cells.v = "El + (5*randn() - 5)*mV"
    cells.ge, cells.gi = "0.2*rand()", "0.5*rand()"
    excitation = Synapses(cells[:80], cells, "w : 1", on_pre="ge_post += w", name="excitation")
    excitation.connect(p=0.1)
    excitation.w = 0.1
    inhibition = Synapses(cells[80:], cells, "w : 1", on_pre="gi_post += w", name="inhibition")
    inhibition.connect(p=0.1)
    inhibition.w = 0.6
    return Example(
        name="vogels_abbott_2005_coba",
        paper="Vogels and Abbott (2005), Signal propagation and logic gating in networks of "
        "integrate-and-fire neurons",
        mechanism="random network with synaptic conductances",
        network=Network(cells, excitation, inhibition),
        traces=("v", "ge", "gi"),
        change=0.1,
    )
