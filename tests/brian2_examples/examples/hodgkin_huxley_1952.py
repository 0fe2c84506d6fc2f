"""The sodium and potassium channels of the giant axon, in neurons that differ in their currents."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, cm, mS, ms, mV, seed, uF
from example import Example

CHANNELS = {
    "C": 1 * uF / cm**2, "g_na": 120 * mS / cm**2, "g_k": 36 * mS / cm**2, "g_l": 0.3 * mS / cm**2,
    "E_na": 50 * mV, "E_k": -77 * mV, "E_l": -54.4 * mV, "E_syn": 0 * mV, "tau_syn": 3 * ms,
}  # fmt: skip
EQUATIONS = """
dv/dt = (I - g_na*m**3*h*(v - E_na) - g_k*n**4*(v - E_k) - g_l*(v - E_l) - g*(v - E_syn))/C : volt
dm/dt = (1 - m)/ms/exprel(-(v/mV + 40)/10) - 4*m*exp(-(v/mV + 65)/18)/ms : 1
dh/dt = 0.07*(1 - h)*exp(-(v/mV + 65)/20)/ms - h/(1 + exp(-(v/mV + 35)/10))/ms : 1
dn/dt = 0.1*(1 - n)/ms/exprel(-(v/mV + 55)/10) - 0.125*n*exp(-(v/mV + 65)/80)/ms : 1
dg/dt = -g/tau_syn : siemens/meter**2
I : amp/meter**2 (constant)
"""


def build() -> Example:
    """Return 12 neurons; the first six receive a current and excite the others."""
    seed(1952)
    cells = NeuronGroup(
        12, EQUATIONS, threshold="m > 0.5", refractory="m > 0.5", method="exponential_euler",
        namespace=CHANNELS, name="cells",
    )  # fmt: skip
    cells.v, cells.m, cells.h, cells.n = -65 * mV, 0.053, 0.596, 0.318
    cells.I = "int(i < 6)*(8 + i)*uA/cm**2"
    excitation = Synapses(
        cells[:6], cells[6:], "w : siemens/meter**2", on_pre="g += w", name="excitation"
    )
    excitation.connect()
    excitation.w = "(0.1 + 0.2*rand())*mS/cm**2"
    return Example(
        name="hodgkin_huxley_1952",
        paper="Hodgkin & Huxley (1952), A quantitative description of membrane current and its "
        "application to conduction and excitation in nerve",
        mechanism="voltage-dependent channels; refractory as long as a condition holds",
        network=Network(cells, excitation),
        loss=lambda run: run.traces["cells"]["v"].square().mean(),
        traces=("v", "m"),
    )
