"""Neurons with adaptive thresholds compete by lateral inhibition and learn from Poisson pixels."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, seed
from example import Example

EXCITATORY = {
    "E_rest": -65 * mV, "E_exc": 0 * mV, "E_inh": -100 * mV, "v_reset": -65 * mV,
    "v_thresh": -52 * mV, "tau": 100 * ms, "tau_e": 1 * ms, "tau_i": 2 * ms,
    "tau_theta": 1e4 * ms, "step": 0.5 * mV,
}  # fmt: skip
INHIBITORY = {
    "E_rest": -60 * mV, "E_exc": 0 * mV, "v_reset": -45 * mV, "v_thresh": -40 * mV,
    "tau": 10 * ms, "tau_e": 1 * ms,
}  # fmt: skip
PLASTICITY = {"tau_pre": 20 * ms, "tau_post": 20 * ms, "eta_pre": 1e-3, "eta_post": 1e-2}


def build() -> Example:
    """Return 49 pixels, 10 excitatory neurons and an inhibitory partner for each."""
    seed(2015)
    pixels = PoissonGroup(49, rates="(i % 7)*15*Hz + 10*Hz", name="pixels")
    exc = NeuronGroup(
        10,
        """dv/dt = (E_rest - v + g_e*(E_exc - v) + g_i*(E_inh - v))/tau : volt (unless refractory)
           dg_e/dt = -g_e/tau_e : 1
           dg_i/dt = -g_i/tau_i : 1
           dtheta/dt = -theta/tau_theta : volt""",
        threshold="v > v_thresh + theta", reset="v = v_reset; theta += step", refractory=5 * ms,
        method="euler", namespace=EXCITATORY, name="exc",
    )  # fmt: skip
    exc.v, exc.theta = "E_rest", "2*mV*rand()"
    inh = NeuronGroup(
        10,
        """dv/dt = (E_rest - v + g_e*(E_exc - v))/tau : volt (unless refractory)
           dg_e/dt = -g_e/tau_e : 1""",
        threshold="v > v_thresh", reset="v = v_reset", refractory=2 * ms, method="euler",
        namespace=INHIBITORY, name="inh",
    )  # fmt: skip
    inh.v = "E_rest"
    plastic = Synapses(
        pixels, exc,
        """w : 1
           dpre/dt = -pre/tau_pre : 1 (event-driven)
           dpost/dt = -post/tau_post : 1 (event-driven)""",
        on_pre="g_e_post += w; pre = 1; w = clip(w - eta_pre*post, 0, 1.5)",
        on_post="w = clip(w + eta_post*pre, 0, 1.5); post = 1",
        namespace=PLASTICITY, name="plastic",
    )  # fmt: skip
    plastic.connect()
    plastic.w = "0.3 + 0.6*rand()"
    partner = Synapses(exc, inh, "w : 1", on_pre="g_e += w", name="partner")
    partner.connect(j="i")
    partner.w = 10.4
    lateral = Synapses(inh, exc, "w : 1", on_pre="g_i += w", name="lateral")
    lateral.connect("i != j")
    lateral.w = 4
    return Example(
        name="diehl_cook_2015",
        paper="Diehl & Cook (2015), Unsupervised learning of digit recognition using "
        "spike-timing-dependent plasticity",
        mechanism="STDP with adaptive thresholds and lateral inhibition",
        network=Network(pixels, exc, inh, plastic, partner, lateral),
        read={"input": "pixels", "output": "exc", "train": {"partner": None}},
        # The first 10 ms. Over many spikes of a recurrent network, surrogate gradients say little.
        loss=lambda run: run.traces["exc"]["v"][:100].mean(),
        change=0.2,
    )
