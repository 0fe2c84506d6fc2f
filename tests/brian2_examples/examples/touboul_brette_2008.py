"""The reset of the adaptive exponential model sets its firing pattern: regular, burst or chaos."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, mV, nA, nS, pF, seed
from example import Example

CONSTANTS = {
    "C": 281 * pF, "g_l": 30 * nS, "E_l": -70.6 * mV, "v_t": -50.4 * mV, "delta": 2 * mV,
    "tau_w": 40 * ms, "a": 4 * nS, "b": 0.08 * nA, "I": 0.8 * nA, "v_cut": -40.4 * mV,
}  # fmt: skip


def build() -> Example:
    """Return 40 neurons whose resets differ, and a neuron that fires if many of them do."""
    seed(2008)
    cells = NeuronGroup(
        40,
        """dv/dt = (g_l*(E_l - v) + g_l*delta*exp((v - v_t)/delta) + I - u)/C : volt
           du/dt = (a*(v - E_l) - u)/tau_w : amp
           v_r : volt (constant)""",
        threshold="v > v_cut", reset="v = v_r; u += b", method="euler", namespace=CONSTANTS,
        name="cells",
    )  # fmt: skip
    cells.v, cells.u = "E_l", "a*(v - E_l)"
    cells.v_r = "-52*mV + 8*mV*i/N"
    reader = NeuronGroup(
        1, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0", method="exact",
        namespace={"tau": 5 * ms}, name="reader",
    )  # fmt: skip
    votes = Synapses(cells, reader, "w : 1", on_pre="v += w", delay=1 * ms, name="votes")
    votes.connect()
    votes.w = "0.1 + 0.1*rand()"
    return Example(
        name="touboul_brette_2008",
        paper="Touboul & Brette (2008), Dynamics and bifurcations of the adaptive exponential "
        "integrate-and-fire model",
        mechanism="exponential spikes; a reset that differs between neurons",
        network=Network(cells, reader, votes),
        change=0.2,
    )
