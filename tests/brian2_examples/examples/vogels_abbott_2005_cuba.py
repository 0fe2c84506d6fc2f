"""Self-sustained irregular activity with synaptic currents (CUBA)."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, mV, seed
from example import Example


def build() -> Example:
    """Return 100 neurons, 80 of them excitatory, with exponential currents."""
    seed(2005)
    constants = {
        "taum": 20 * ms, "taue": 5 * ms, "taui": 10 * ms,
        "Vt": -50 * mV, "Vr": -60 * mV, "El": -49 * mV,
    }  # fmt: skip
    cells = NeuronGroup(
        100,
        """dv/dt = (ge + gi - (v - El))/taum : volt (unless refractory)
        dge/dt = -ge/taue : volt
        dgi/dt = -gi/taui : volt""",
        threshold="v > Vt", reset="v = Vr", refractory=5 * ms, method="exact",
        namespace=constants, name="cells",
    )  # fmt: skip
    cells.v = "Vr + rand()*(Vt - Vr)"
    excitation = Synapses(cells, cells, "w : volt", on_pre="ge += w", name="excitation")
    excitation.connect("i < 80", p=0.1)
    excitation.w = 1.62 * mV
    inhibition = Synapses(cells, cells, "w : volt", on_pre="gi += w", name="inhibition")
    inhibition.connect("i >= 80", p=0.1)
    inhibition.w = -9 * mV
    return Example(
        name="vogels_abbott_2005_cuba",
        paper="Vogels and Abbott (2005), Signal propagation and logic gating in networks of "
        "integrate-and-fire neurons",
        mechanism="random network with synaptic currents",
        network=Network(cells, excitation, inhibition),
        traces=("v", "ge", "gi"),
        change=0.1,
    )
