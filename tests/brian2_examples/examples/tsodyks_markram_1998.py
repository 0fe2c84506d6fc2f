"""Synapses that depress, and synapses that facilitate, as the input rate changes."""

from __future__ import annotations

from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, TimedArray, ms, mV, seed
from example import Example


def build() -> Example:
    """Return two groups of neurons, one for each kind of synapse."""
    seed(1998)
    rate = TimedArray([20, 60, 20, 40, 80] * Hz, dt=20 * ms)
    sources = PoissonGroup(30, rates="rate(t)", namespace={"rate": rate}, name="sources")
    network = Network(sources)
    kinds = {"depressed": (0.5, 800, 1), "facilitated": (0.05, 130, 530)}
    for name, (usage, recovery, facilitation) in kinds.items():
        cells = NeuronGroup(
            10,
            """dv/dt = (g - v)/(20*ms) : volt
            dg/dt = -g/(3*ms) : volt""",
            threshold="v > 15*mV", reset="v = 0*mV", method="exact", name=name,
        )  # fmt: skip
        wires = Synapses(
            sources, cells,
            """A : volt
            U : 1 (shared)
            dR/dt = (1 - R)/taurec : 1 (event-driven)
            du/dt = -u/taufacil : 1 (event-driven)""",
            on_pre="u += U*(1 - u); g += A*u*R; R -= u*R",
            namespace={"taurec": recovery * ms, "taufacil": facilitation * ms},
            name=f"to_{name}",
        )  # fmt: skip
        wires.connect(p=0.8)
        wires.A, wires.U, wires.R = 10 / usage * mV, usage, 1
        network.add(cells, wires)
    return Example(
        name="tsodyks_markram_1998",
        paper="Tsodyks, Pawelzik and Markram (1998), Neural networks with dynamic synapses",
        mechanism="short-term depression and facilitation; trained: the use of resources",
        network=network,
        read={"input": "sources", "train": {"to_depressed": "A", "to_facilitated": "U"}},
        traces=("v", "g"),
    )
