"""Neurons with noise of their own fire reliably if they receive the same fluctuating current."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, TimedArray, ms, seed
from example import Example
from numpy.random import default_rng


def build() -> Example:
    """Return 25 trials as 25 neurons, and a neuron that fires if many trials fire together."""
    seed(1995)
    frozen = TimedArray(3 * default_rng(1995).standard_normal(200), dt=5 * ms)
    trials = NeuronGroup(
        25, "dv/dt = (1 + frozen(t) - v)/tau + 0.1*xi*(2/tau)**.5 : 1", threshold="v > 1",
        reset="v = 0", refractory=2 * ms, method="euler", name="trials",
        namespace={"frozen": frozen, "tau": 20 * ms},
    )  # fmt: skip
    together = NeuronGroup(
        1, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0", method="exact",
        namespace={"tau": 2 * ms}, name="together",
    )  # fmt: skip
    votes = Synapses(trials, together, "w : 1", on_pre="v += w", name="votes")
    votes.connect()
    votes.w = 0.15
    return Example(
        name="mainen_sejnowski_1995",
        paper="Mainen & Sejnowski (1995), Reliability of spike timing in neocortical neurons",
        mechanism="the same fluctuating current (TimedArray) and private noise in each trial",
        network=Network(trials, together, votes),
        change=0.2,
    )
