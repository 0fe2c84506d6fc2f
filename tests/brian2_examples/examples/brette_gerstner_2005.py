"""Adaptive exponential integrate-and-fire neurons: bursting, adapting and regular."""

from __future__ import annotations

from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, nA, nS, pA, pF, seed
from example import Example


def build() -> Example:
    """Return 12 neurons of three firing patterns, with a step of current and a random input."""
    seed(5)
    constants = {
        "C": 281 * pF, "gL": 30 * nS, "EL": -70.6 * mV, "VT": -50.4 * mV, "DeltaT": 2 * mV,
        "Vcut": -40.4 * mV, "taus": 5 * ms,
    }  # fmt: skip
    cells = NeuronGroup(
        12,
        """dvm/dt = (gL*(EL - vm) + gL*DeltaT*exp((vm - VT)/DeltaT) + I + g - w)/C : volt
        dw/dt = (a*(vm - EL) - w)/tauw : amp
        dg/dt = -g/taus : amp
        I : amp
        a : siemens (constant)
        b : amp (constant)
        tauw : second (constant)
        Vr : volt (constant)""",
        threshold="vm > Vcut", reset="vm = Vr; w += b", method="euler", namespace=constants,
        name="cells",
    )  # fmt: skip
    patterns = (  # regular, bursting, fast
        (144 * ms, 4 * nS, 0.0805 * nA, -70.6 * mV),
        (20 * ms, 4 * nS, 0.5 * nA, -45.4 * mV),
        (144 * ms, 2 * 281 / 144 * nS, 0 * nA, -70.6 * mV),
    )
    for k, (tauw, a, b, reset) in enumerate(patterns):
        some = cells[4 * k : 4 * k + 4]
        some.tauw, some.a, some.b, some.Vr = tauw, a, b, reset
    cells.vm, cells.I = "EL", "0.7*nA + 0.05*i*nA"
    background = PoissonGroup(20, rates=40 * Hz, name="background")
    wires = Synapses(background, cells, "weight : amp", on_pre="g += weight", name="wires")
    wires.connect(p=0.5)
    wires.weight = 100 * pA
    return Example(
        name="brette_gerstner_2005",
        paper="Brette and Gerstner (2005), Adaptive exponential integrate-and-fire model as an "
        "effective description of neuronal activity",
        mechanism="exponential spike initiation, adaptation by voltage and by spikes",
        network=Network(cells, background, wires),
        read={"input": "background"},
        traces=("vm", "w"),
        change=0.2,
    )
