"""The giant muscle fibre of the barnacle: oscillations by calcium and potassium alone."""

from __future__ import annotations

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, cm, mS, ms, mV, seed, uA, uF
from example import Example


def build() -> Example:
    """Return 20 fibres with different currents, kicked at given times."""
    seed(1981)
    area = cm**2
    constants = {
        "C": 20 * uF / area, "gL": 2 * mS / area, "gCa": 4.4 * mS / area, "gK": 8 * mS / area,
        "VL": -60 * mV, "VCa": 120 * mV, "VK": -84 * mV, "V1": -1.2 * mV, "V2": 18 * mV,
        "V3": 2 * mV, "V4": 30 * mV, "phi": 0.04, "unit": uA / area,
    }  # fmt: skip
    fibres = NeuronGroup(
        20,
        """dv/dt = (I - gL*(v - VL) - gCa*m*(v - VCa) - gK*n*(v - VK))/C : volt
        dn/dt = phi*(ninf - n)/tau : 1
        m = 0.5*(1 + tanh((v - V1)/V2)) : 1
        ninf = 0.5*(1 + tanh((v - V3)/V4)) : 1
        tau = 1*ms/cosh((v - V3)/(2*V4)) : second
        I : amp/meter**2""",
        threshold="v > 10*mV", refractory="v > 10*mV", method="rk4", namespace=constants,
        name="fibres",
    )  # fmt: skip
    fibres.v, fibres.n, fibres.I = -30 * mV, 0.1, "(90 + 3*i)*unit"
    times = np.arange(5, 1000, 15)
    kicks = SpikeGeneratorGroup(3, np.arange(len(times)) % 3, times * ms, name="kicks")
    wires = Synapses(kicks, fibres, "w : volt", on_pre="v += w", name="wires")
    wires.connect()
    wires.w = "(1 + rand())*mV"
    return Example(
        name="morris_lecar_1981",
        paper="Morris and Lecar (1981), Voltage oscillations in the barnacle giant muscle fiber",
        mechanism="oscillations of two conductances; a threshold that only marks crossings",
        network=Network(fibres, kicks, wires),
        traces=("v", "n"),
        # The kicks are too small to change the number of spikes, but they shift the oscillation.
        loss=lambda run: (run.traces["fibres"]["v"] / float(10 * mV)).square().mean(),
    )
