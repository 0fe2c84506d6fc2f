"""Two pools with slow recurrent excitation (NMDA) compete for a decision."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, nF, nS, seed
from example import Example

CONSTANTS = {
    "C": 0.5 * nF, "g_L": 25 * nS, "E_L": -70 * mV, "E_E": 0 * mV, "E_I": -70 * mV,
    "v_t": -50 * mV, "v_r": -55 * mV, "tau_ampa": 2 * ms, "tau_gaba": 5 * ms, "tau_rise": 2 * ms,
    "tau_nmda": 100 * ms, "alpha": 0.5 / ms, "Mg": 1.0, "g_nmda": 0.165 * nS,
}  # fmt: skip


def build() -> Example:
    """Return two pools of 20 neurons and 10 inhibitory neurons; the first pool gets more input."""
    seed(2002)
    cells = NeuronGroup(
        50,
        """dv/dt = (g_L*(E_L - v) + g_a*(E_E - v) + g_i*(E_I - v) + g_n*(E_E - v))/C : volt
               (unless refractory)
           g_n = g_nmda*s_total/(1 + Mg*exp(-0.062*v/mV)/3.57) : siemens
           dg_a/dt = -g_a/tau_ampa : siemens
           dg_i/dt = -g_i/tau_gaba : siemens
           ds/dt = -s/tau_nmda + alpha*x*(1 - s) : 1
           dx/dt = -x/tau_rise : 1
           s_total : 1""",
        threshold="v > v_t", reset="v = v_r; x += 1", refractory=2 * ms, method="euler",
        namespace=CONSTANTS, name="cells",
    )  # fmt: skip
    cells.v = "E_L + 15*mV*rand()"
    background = PoissonGroup(50, rates="(1800 + 400*int(i < 20))*Hz", name="background")
    external = Synapses(background, cells, "w : siemens", on_pre="g_a += w", name="external")
    external.connect(j="i")
    external.w = 3.2 * nS
    nmda = Synapses(cells[:40], cells, "w : 1\ns_total_post = w*s_pre : 1 (summed)", name="nmda")
    nmda.connect()
    nmda.w = "5*(0.9 + 0.8*int(i // 20 == j // 20))"
    gaba = Synapses(
        cells[40:], cells, "w : siemens", on_pre="g_i += w", delay=0.5 * ms, name="gaba"
    )
    gaba.connect("i != j")
    gaba.w = 5 * nS
    return Example(
        name="wang_2002",
        paper="Wang (2002), Probabilistic decision making by slow reverberation in cortical "
        "circuits",
        mechanism="NMDA as a sum over synapses, with magnesium block; two pools that compete",
        network=Network(cells, background, external, nmda, gaba),
        read={"input": "background"},
        change=0.2,
    )
