"""Electrical synapses synchronise neurons that receive different currents."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, seed
from example import Example


def build() -> Example:
    """Return 10 leaky neurons, all coupled by gap junctions."""
    seed(1990)
    cells = NeuronGroup(
        10,
        """dv/dt = (drive - v + I_gap)/tau : 1
           drive : 1 (constant)
           I_gap : 1""",
        threshold="v > 1", reset="v = 0", method="euler", namespace={"tau": 10 * ms}, name="cells",
    )  # fmt: skip
    cells.drive, cells.v = "1.1 + 0.2*i/N", "rand()"
    gap = Synapses(cells, cells, "w : 1\nI_gap_post = w*(v_pre - v_post) : 1 (summed)", name="gap")
    gap.connect("i != j")
    gap.w = 0.02
    return Example(
        name="gap_junctions",
        paper="Lewis & Rinzel (2003), Dynamics of spiking neurons connected by both inhibitory and "
        "electrical coupling",
        mechanism="currents between neurons that are proportional to the difference of potentials",
        network=Network(cells, gap),
        # Coupling makes potentials equal. The first 2 ms, before most neurons have fired.
        loss=lambda run: run.traces["cells"]["v"][:20].var(-1).mean(),
        change=0.2,
    )
