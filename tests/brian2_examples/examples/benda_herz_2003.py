"""Spikes and a custom event raise an adaptation current; rest potentials are linked."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, linked_var, ms, seed
from example import Example


def build() -> Example:
    """Return 20 adapting neurons with inhibition; strong depolarisation adds to adaptation too."""
    seed(2003)
    types = NeuronGroup(2, "rest : 1 (constant)\ngain : 1 (constant)", name="types")
    types.rest, types.gain = [0, 0.2], [0.05, 0.02]
    cells = NeuronGroup(
        20,
        """dv/dt = (rest + drive - a - v)/tau : 1 (unless refractory)
           da/dt = -a/tau_a : 1
           drive : 1 (constant)
           rest : 1 (linked)
           gain : 1 (linked)
           high : integer""",
        threshold="v > 1", reset="v = rest; a += gain", refractory=2 * ms, method="euler",
        events={"depolarised": "v > 0.9 and high == 0"},
        namespace={"tau": 10 * ms, "tau_a": 100 * ms}, name="cells",
    )  # fmt: skip
    cells.run_on_event("depolarised", "a += 0.5*gain; high = 1")
    cells.run_regularly("high = 0", dt=20 * ms)
    kind = [0] * 10 + [1] * 10
    cells.rest = linked_var(types, "rest", index=kind)
    cells.gain = linked_var(types, "gain", index=kind)
    cells.drive, cells.v = "1.2 + 0.04*i", "rand()"
    inhibition = Synapses(cells, cells, "w : 1", on_pre="v -= w", delay=1 * ms, name="inhibition")
    inhibition.connect("i != j", p=0.3)
    inhibition.w = 0.05
    return Example(
        name="benda_herz_2003",
        paper="Benda & Herz (2003), A universal model for spike-frequency adaptation",
        mechanism="adaptation by spikes and a custom event, with linked parameters",
        network=Network(types, cells, inhibition),
        traces=("v", "a"),
        change=0.2,
    )
