"""Inhibitory synapses learn to balance the excitation of each neuron."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, mV, nS, pA, pF, seed
from example import Example

CONSTANTS = {
    "tau_e": 5 * ms, "tau_i": 10 * ms, "tau_stdp": 20 * ms, "C": 200 * pF, "g_leak": 10 * nS,
    "E_leak": -60 * mV, "E_i": -80 * mV, "E_e": 0 * mV, "v_theta": -50 * mV, "I": 200 * pA,
}  # fmt: skip
#: A neuron at 5 Hz keeps its inhibition.
PLASTICITY = {"eta": 0.02, "alpha": 2 * 5e-3 * 20, "w_max": 100, "tau_stdp": 20 * ms}


def build() -> Example:
    """Return 80 excitatory and 20 inhibitory neurons, all of which receive a constant current."""
    seed(2011)
    cells = NeuronGroup(
        100,
        """dv/dt = (g_leak*(E_leak - v) + I + g_e*(E_e - v) + g_i*(E_i - v))/C : volt
               (unless refractory)
           dg_e/dt = -g_e/tau_e : siemens
           dg_i/dt = -g_i/tau_i : siemens""",
        threshold="v > v_theta", reset="v = E_leak", refractory=5 * ms, method="euler",
        namespace=CONSTANTS, name="cells",
    )  # fmt: skip
    cells.v = "E_leak + rand()*(v_theta - E_leak)"
    excitation = Synapses(cells[:80], cells, "w : siemens", on_pre="g_e += w", name="excitation")
    excitation.connect(p=0.1)
    excitation.w = "0.6*nS*(0.5 + rand())"
    inhibition = Synapses(
        cells[80:], cells[:80],
        """w : 1
           dapre/dt = -apre/tau_stdp : 1 (event-driven)
           dapost/dt = -apost/tau_stdp : 1 (event-driven)""",
        on_pre="apre += 1; w = clip(w + (apost - alpha)*eta, 0, w_max); g_i += w*nS",
        on_post="apost += 1; w = clip(w + apre*eta, 0, w_max)",
        namespace=PLASTICITY, name="inhibition",
    )  # fmt: skip
    inhibition.connect(p=0.2)
    inhibition.w = "2*rand()"
    return Example(
        name="vogels_2011",
        paper="Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Inhibitory plasticity balances "
        "excitation and inhibition in sensory pathways and memory networks",
        mechanism="symmetric plasticity of inhibitory conductances",
        network=Network(cells, excitation, inhibition),
        read={"train": {"excitation": None}},
        traces=("v", "g_i"),
        # An inhibition of 4 nS in the first 5 ms. Later, surrogate gradients of a recurrent network
        # say little.
        loss=lambda run: (run.traces["cells"]["g_i"][:50] * 1e9 - 4).square().mean(),
        change=0.5,
    )
