"""Neurons of the cochlear nucleus that fire once at the onset of a stimulus (type II)."""

from __future__ import annotations

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    defaultclock,
    ms,
    mV,
    nS,
    pF,
    seed,
)
from example import Example

EQUATIONS = """
dv/dt = (gl*(El - v) + gna*m**3*h*(Ena - v) + gkht*(0.85*n**2 + 0.15*p)*(Ek - v)
         + gklt*w**4*z*(Ek - v) + gh*r*(Eh - v) + ge*(Ee - v))/C : volt
u = v/mV : 1
q10 = 3.0**((22 - 37)/(-10.0)) : 1
dm/dt = q10*(1/(1 + exp(-(u + 38)/7)) - m)/mtau : 1
mtau = (10/(5*exp((u + 60)/18) + 36*exp(-(u + 60)/25)) + 0.04)*ms : second
dh/dt = q10*(1/(1 + exp((u + 65)/6)) - h)/htau : 1
htau = (100/(7*exp((u + 60)/11) + 10*exp(-(u + 60)/25)) + 0.6)*ms : second
dn/dt = q10*((1 + exp(-(u + 15)/5))**-0.5 - n)/ntau : 1
ntau = (100/(11*exp((u + 60)/24) + 21*exp(-(u + 60)/23)) + 0.7)*ms : second
dp/dt = q10*(1/(1 + exp(-(u + 23)/6)) - p)/ptau : 1
ptau = (100/(4*exp((u + 60)/32) + 5*exp(-(u + 60)/22)) + 5)*ms : second
dw/dt = q10*((1 + exp(-(u + 48)/6))**-0.25 - w)/wtau : 1
wtau = (100/(6*exp((u + 60)/6) + 16*exp(-(u + 60)/45)) + 1.5)*ms : second
dz/dt = q10*(0.5 + 0.5/(1 + exp((u + 71)/10)) - z)/ztau : 1
ztau = (1000/(exp((u + 60)/20) + exp(-(u + 60)/8)) + 50)*ms : second
dr/dt = q10*(1/(1 + exp((u + 76)/7)) - r)/rtau : 1
rtau = (1e5/(237*exp((u + 60)/12) + 17*exp(-(u + 60)/14)) + 25)*ms : second
dge/dt = -ge/(0.5*ms) : siemens
"""


def build() -> Example:
    """Return 5 neurons that receive volleys of different size."""
    seed(3)
    defaultclock.dt = 0.05 * ms
    constants = {
        "C": 12 * pF, "gl": 2 * nS, "gna": 3000 * nS, "gkht": 450 * nS, "gklt": 600 * nS,
        "gh": 60 * nS, "El": -65 * mV, "Ena": 50 * mV, "Ek": -70 * mV, "Eh": -43 * mV,
        "Ee": 0 * mV,
    }  # fmt: skip
    cells = NeuronGroup(
        5, EQUATIONS, threshold="v > -20*mV", refractory="v > -25*mV", method="exponential_euler",
        namespace=constants, name="cells",
    )  # fmt: skip
    cells.v = -63 * mV
    cells.h, cells.w, cells.z, cells.r = 0.4, 0.5, 0.65, 0.15
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
    )
