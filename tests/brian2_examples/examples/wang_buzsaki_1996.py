"""Interneurons that synchronise to a gamma rhythm through mutual inhibition."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, cm, defaultclock, ms, msiemens, mV, seed, uA, uF
from example import Example


def build() -> Example:
    """Return 10 interneurons whose synapses open with the presynaptic potential."""
    seed(1996)
    defaultclock.dt = 0.05 * ms
    area = cm**2
    constants = {
        "Cm": 1 * uF / area, "gL": 0.1 * msiemens / area, "EL": -65 * mV, "ENa": 55 * mV,
        "EK": -90 * mV, "gNa": 35 * msiemens / area, "gK": 9 * msiemens / area, "phi": 5,
        "Esyn": -75 * mV, "unit": uA / area,
    }  # fmt: skip
    cells = NeuronGroup(
        10,
        """dv/dt = (-gNa*m**3*h*(v - ENa) - gK*n**4*(v - EK) - gL*(v - EL) + I + Isyn)/Cm : volt
        m = am/(am + bm) : 1
        am = 1/exprel(-0.1*(v + 35*mV)/mV)/ms : Hz
        bm = 4*exp(-(v + 60*mV)/(18*mV))/ms : Hz
        dh/dt = phi*(ah*(1 - h) - bh*h) : 1
        ah = 0.07*exp(-(v + 58*mV)/(20*mV))/ms : Hz
        bh = 1/(exp(-0.1*(v + 28*mV)/mV) + 1)/ms : Hz
        dn/dt = phi*(an*(1 - n) - bn*n) : 1
        an = 0.1/exprel(-0.1*(v + 34*mV)/mV)/ms : Hz
        bn = 0.125*exp(-(v + 44*mV)/(80*mV))/ms : Hz
        ds/dt = 12/ms*(1 - s)/(1 + exp(-v/(2*mV))) - 0.1/ms*s : 1
        Isyn : amp/meter**2
        I : amp/meter**2""",
        threshold="v > -20*mV", refractory="v > -20*mV", method="rk2", namespace=constants,
        name="cells",
    )  # fmt: skip
    cells.v, cells.h, cells.n = "(-70 + 10*rand())*mV", 0.8, 0.1
    cells.I = "(1 + 0.03*randn())*unit"
    gaba = Synapses(
        cells, cells,
        """w : siemens/meter**2
        Isyn_post = w*s_pre*(Esyn - v_post) : amp/meter**2 (summed)""",
        namespace=constants, name="gaba",
    )  # fmt: skip
    gaba.connect("i != j")
    gaba.w = 0.1 / 9 * msiemens / area
    return Example(
        name="wang_buzsaki_1996",
        paper="Wang and Buzsaki (1996), Gamma oscillation by synaptic inhibition in a hippocampal "
        "interneuronal network model",
        mechanism="sodium and potassium channels, graded inhibition as a summed variable",
        network=Network(cells, gaba),
        traces=("v", "s"),
        # A small step changes no number of spikes, but it shifts the potentials.
        loss=lambda run: (run.traces["cells"]["v"] / float(10 * mV)).square().mean(),
        change=0.01,
    )
