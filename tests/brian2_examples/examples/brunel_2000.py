"""Sparsely connected excitatory and inhibitory neurons, driven by a Poisson background."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, seed
from example import Example


def build() -> Example:
    """Return a network of 100 neurons in the asynchronous irregular regime."""
    seed(2000)
    tau, theta, v_reset = 20 * ms, 20 * mV, 10 * mV
    J, g, delay = 2 * mV, 5, 1.5 * ms
    cells = NeuronGroup(
        100, "dv/dt = -v/tau : volt (unless refractory)", threshold="v > theta",
        reset="v = v_reset", refractory=2 * ms, method="exact", name="cells",
        namespace={"tau": tau, "theta": theta, "v_reset": v_reset},
    )  # fmt: skip
    cells.v = "rand()*20*mV"
    # One Poisson process for each neuron stands for its many external synapses.
    rate = 1.2 * theta / (J * tau)
    background = PoissonGroup(100, rates=rate, name="background")
    external = Synapses(background, cells, "w : volt", on_pre="v += w", name="external")
    external.connect(j="i")
    external.w = J
    excitation = Synapses(
        cells[:80], cells, "w : volt", on_pre="v += w", delay=delay, name="excitation"
    )
    excitation.connect(p=0.1)
    excitation.w = J
    inhibition = Synapses(
        cells[80:], cells, "w : volt", on_pre="v -= w", delay=delay, name="inhibition"
    )
    inhibition.connect(p=0.1)
    inhibition.w = g * J
    return Example(
        name="brunel_2000",
        paper="Brunel (2000), Dynamics of sparsely connected networks of excitatory and inhibitory "
        "spiking neurons",
        mechanism="random excitation and inhibition with delays, Poisson background",
        network=Network(cells, background, external, excitation, inhibition),
        read={"input": "background"},
        change=0.1,
    )
