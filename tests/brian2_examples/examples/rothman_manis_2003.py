"""Neurons of the cochlear nucleus that fire once for each volley (type II).

A reduced form: slow inactivation, the h-current and a slow part of the high-threshold current are
constant or left out, as they hardly change within a volley. Rates are those of 37 degrees.
"""

from __future__ import annotations

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    ms,
    mV,
    nS,
    pF,
    seed,
)
from example import Example

EQUATIONS = """
dv/dt = (gl*(El - v) + gna*m**3*h*(Ena - v) + gkht*n**2*(Ek - v)
         + gklt*w**4*(Ek - v) + gh*(Eh - v) + ge*(Ee - v))/C : volt
u = v/mV : 1
q10 = 3.0**1.5 : 1
dm/dt = q10*(1/(1 + exp(-(u + 38)/7)) - m)/mtau : 1
mtau = (10/(5*exp((u + 60)/18) + 36*exp(-(u + 60)/25)) + 0.04)*ms : second
dh/dt = q10*(1/(1 + exp((u + 65)/6)) - h)/htau : 1
htau = (100/(7*exp((u + 60)/11) + 10*exp(-(u + 60)/25)) + 0.6)*ms : second
dn/dt = q10*((1 + exp(-(u + 15)/5))**-0.5 - n)/ntau : 1
ntau = (100/(11*exp((u + 60)/24) + 21*exp(-(u + 60)/23)) + 0.7)*ms : second
dw/dt = q10*((1 + exp(-(u + 48)/6))**-0.25 - w)/wtau : 1
wtau = (100/(6*exp((u + 60)/6) + 16*exp(-(u + 60)/45)) + 1.5)*ms : second
dge/dt = -ge/(0.5*ms) : siemens
"""


def build() -> Example:
    """Return 5 neurons that receive volleys of different size."""
    seed(3)
    constants = {
        "C": 12 * pF, "gl": 2 * nS, "gna": 1000 * nS, "gkht": 150 * nS, "gklt": 130 * nS,
        "gh": 3 * nS, "El": -65 * mV, "Ena": 50 * mV, "Ek": -70 * mV, "Eh": -43 * mV,
        "Ee": 0 * mV,
    }  # fmt: skip
    cells = NeuronGroup(
        5, EQUATIONS, threshold="v > -20*mV", refractory="v > -25*mV", method="exponential_euler",
        namespace=constants, name="cells",
    )  # fmt: skip
    cells.v = -63 * mV
    cells.h, cells.w = 0.4, 0.5
    times = np.repeat(np.arange(10, 1000, 20), 10) + np.tile(np.arange(10) * 0.1, 50)
    nerve = SpikeGeneratorGroup(10, np.tile(np.arange(10), 50), times * ms, name="nerve")
    wires = Synapses(nerve, cells, "weight : siemens", on_pre="ge += weight", name="wires")
    wires.connect()
    wires.weight = "(15 + 3*j)*nS"
    return Example(
        name="rothman_manis_2003",
        paper="Rothman and Manis (2003), The roles potassium currents play in regulating the "
        "electrical activity of ventral cochlear nucleus neurons",
        mechanism="low-threshold potassium: one spike for each volley",
        network=Network(cells, nerve, wires),
        read={"potential": "v"},
        traces=("v", "w"),
        # A small step changes no number of spikes, but it shifts the potentials.
        loss=lambda run: (run.traces["cells"]["v"] / float(10 * mV)).square().mean(),
        change=0.01,
    )
