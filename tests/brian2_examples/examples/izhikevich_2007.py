"""Plasticity that depends on spike times leaves a trace, which dopamine turns into weight."""

from __future__ import annotations

from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, second, seed
from example import Example


def build() -> Example:
    """Return 5 neurons whose synapses learn at a constant level of dopamine, without rewards."""
    seed(2007)
    constants = {
        "taum": 10 * ms, "taue": 5 * ms, "Ee": 0 * mV, "vt": -54 * mV, "vr": -60 * mV,
        "El": -74 * mV, "taupre": 20 * ms, "tauc": 1 * second, "taud": 200 * ms,
        "da": 0.1, "db": -0.12, "gmax": 1,
    }  # fmt: skip
    cells = NeuronGroup(
        5,
        """dv/dt = (ge*(Ee - v) + El - v)/taum : volt
        dge/dt = -ge/taue : 1""",
        threshold="v > vt", reset="v = vr", method="euler", namespace=constants, name="cells",
    )  # fmt: skip
    cells.v = "vr"
    background = PoissonGroup(40, rates=20 * Hz, name="background")
    plastic = Synapses(
        background, cells,
        """dc/dt = -c/tauc : 1 (clock-driven)
        ds/dt = c*dopamine/taud : 1 (clock-driven)
        dApre/dt = -Apre/taupre : 1 (event-driven)
        dApost/dt = -Apost/taupre : 1 (event-driven)
        dopamine : 1 (shared)""",
        on_pre="ge += s; Apre += da; c = clip(c + Apost, -gmax, gmax)",
        on_post="Apost += db; c = clip(c + Apre, -gmax, gmax)",
        method="euler", namespace=constants, name="plastic",
    )  # fmt: skip
    plastic.connect()
    plastic.s = "0.08 + 0.08*rand()"
    plastic.dopamine = 0.1
    return Example(
        name="izhikevich_2007",
        paper="Izhikevich (2007), Solving the distal reward problem through linkage of STDP and "
        "dopamine signaling",
        mechanism="STDP with eligibility traces and a level of dopamine; no rewards",
        network=Network(cells, background, plastic),
        read={"input": "background", "train": {"plastic": "s"}},
        traces=("v", "ge"),
    )
