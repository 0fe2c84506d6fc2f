"""Hodgkin-Huxley neurons with synaptic conductances: benchmark 3 of the review of simulators."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, cm, ms, msiemens, mV, nS, seed, siemens, uF, um
from example import Example

AREA = 20000 * um**2
CONSTANTS = {
    "C": 1 * uF / cm**2 * AREA, "g_l": 5e-5 * siemens / cm**2 * AREA,
    "g_na": 100 * msiemens / cm**2 * AREA, "g_kd": 30 * msiemens / cm**2 * AREA,
    "E_l": -60 * mV, "E_k": -90 * mV, "E_na": 50 * mV, "E_e": 0 * mV, "E_i": -80 * mV,
    "v_t": -63 * mV, "tau_e": 5 * ms, "tau_i": 10 * ms,
}  # fmt: skip
EQUATIONS = """
dv/dt = (g_l*(E_l - v) + g_e*(E_e - v) + g_i*(E_i - v) - g_na*m**3*h*(v - E_na)
         - g_kd*n**4*(v - E_k))/C : volt
dm/dt = a_m*(1 - m) - b_m*m : 1
dn/dt = a_n*(1 - n) - b_n*n : 1
dh/dt = a_h*(1 - h) - b_h*h : 1
dg_e/dt = -g_e/tau_e : siemens
dg_i/dt = -g_i/tau_i : siemens
a_m = 0.32*4/exprel((13 - u)/4)/ms : Hz
b_m = 0.28*5/exprel((u - 40)/5)/ms : Hz
a_h = 0.128*exp((17 - u)/18)/ms : Hz
b_h = 4./(1 + exp((40 - u)/5))/ms : Hz
a_n = 0.032*5/exprel((15 - u)/5)/ms : Hz
b_n = 0.5*exp((10 - u)/40)/ms : Hz
u = (v - v_t)/mV : 1
"""


def build() -> Example:
    """Return 80 excitatory and 20 inhibitory neurons that keep each other active."""
    seed(2007)
    cells = NeuronGroup(
        100, EQUATIONS, threshold="v > -20*mV", refractory=3 * ms, method="exponential_euler",
        namespace=CONSTANTS, name="cells",
    )  # fmt: skip
    cells.v = "E_l + (5*randn() - 5)*mV"
    cells.g_e, cells.g_i = "(1.5*randn() + 4)*10*nS", "(12*randn() + 20)*10*nS"
    excitation = Synapses(cells[:80], cells, "w : siemens", on_pre="g_e += w", name="excitation")
    inhibition = Synapses(cells[80:], cells, "w : siemens", on_pre="g_i += w", name="inhibition")
    for one, weight in ((excitation, 6 * nS), (inhibition, 67 * nS)):
        one.connect(p=0.3)
        one.w = weight
    return Example(
        name="brette_2007_cobahh",
        paper="Brette et al. (2007), Simulation of networks of spiking neurons: a review of tools "
        "and strategies",
        mechanism="Hodgkin-Huxley neurons with conductances (COBAHH)",
        network=Network(cells, excitation, inhibition),
        change=0.2,
    )
