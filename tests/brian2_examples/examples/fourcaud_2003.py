"""Exponential integrate-and-fire neurons lock to the phase of a sinusoidal current."""

from __future__ import annotations

from brian2 import Hz, Network, NeuronGroup, Synapses, ms, mV, seed
from example import Example

CONSTANTS = {
    "tau": 10 * ms, "E_l": -65 * mV, "v_t": -59.9 * mV, "delta": 3.48 * mV, "v_r": -68 * mV,
    "v_cut": -30 * mV, "f": 20 * Hz, "I_1": 5 * mV,
}  # fmt: skip


def build() -> Example:
    """Return 30 neurons with different mean currents, and a neuron that reads their phase."""
    seed(2003)
    cells = NeuronGroup(
        30,
        """dv/dt = (E_l - v + delta*exp((v - v_t)/delta) + I_0 + I_1*sin(2*pi*f*t))/tau : volt
               (unless refractory)
           I_0 : volt (constant)""",
        threshold="v > v_cut", reset="v = v_r", refractory=1.7 * ms, method="euler",
        namespace=CONSTANTS, name="cells",
    )  # fmt: skip
    cells.v, cells.I_0 = "v_r + 5*mV*rand()", "2*mV + 8*mV*i/N"
    reader = NeuronGroup(
        1, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0", method="exact",
        namespace={"tau": 5 * ms}, name="reader",
    )  # fmt: skip
    votes = Synapses(cells, reader, "w : 1", on_pre="v += w", name="votes")
    votes.connect()
    votes.w = "0.1 + 0.1*rand()"
    return Example(
        name="fourcaud_2003",
        paper="Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel (2003), How spike generation "
        "mechanisms determine the neuronal response to fluctuating inputs",
        mechanism="exponential spikes, driven by a function of time",
        network=Network(cells, reader, votes),
        change=0.2,
    )
