"""Spike-timing-dependent plasticity makes the synapses of a neuron compete."""

from __future__ import annotations

from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, seed
from example import Example

MEMBRANE = {
    "tau_m": 10 * ms, "tau_e": 5 * ms, "v_t": -54 * mV, "v_r": -60 * mV, "E_l": -74 * mV,
    "E_e": 0 * mV,
}  # fmt: skip
PLASTICITY = {"tau_pre": 20 * ms, "tau_post": 20 * ms, "dapre": 0.001, "dapost": -0.00105,
              "w_max": 0.1}  # fmt: skip


def build() -> Example:
    """Return 100 Poisson sources with plastic synapses onto five neurons."""
    seed(2000)
    sources = PoissonGroup(100, rates=25 * Hz, name="sources")
    cells = NeuronGroup(
        5, "dv/dt = (g_e*(E_e - v) + E_l - v)/tau_m : volt\ndg_e/dt = -g_e/tau_e : 1",
        threshold="v > v_t", reset="v = v_r", method="euler", namespace=MEMBRANE, name="cells",
    )  # fmt: skip
    cells.v = "v_r"
    plastic = Synapses(
        sources, cells,
        """w : 1
           dapre/dt = -apre/tau_pre : 1 (event-driven)
           dapost/dt = -apost/tau_post : 1 (event-driven)""",
        on_pre="g_e += w; apre += dapre; w = clip(w + apost, 0, w_max)",
        on_post="apost += dapost; w = clip(w + apre, 0, w_max)",
        namespace=PLASTICITY, name="plastic",
    )  # fmt: skip
    plastic.connect()
    plastic.w = "rand()*w_max"
    return Example(
        name="song_2000",
        paper="Song, Miller & Abbott (2000), Competitive Hebbian learning through "
        "spike-timing-dependent synaptic plasticity",
        mechanism="additive STDP with hard bounds",
        network=Network(sources, cells, plastic),
        read={"input": "sources"},
        change=0.2,
    )
