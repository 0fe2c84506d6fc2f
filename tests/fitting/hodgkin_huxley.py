"""A Hodgkin-Huxley neuron, three steps of current, and what it would record."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Network, StateMonitor, cmetre, ms, msiemens, mV, nA, ufarad, umetre

import brianbridge as bb
from brianbridge.fitting.driven import driven

DT, STEPS = 0.05 * ms, 600
AREA = 20000 * umetre**2
MS = msiemens * cmetre**-2 * AREA
EQUATIONS = """
dv/dt = (g_l*(-65*mV - v) - g_na*m**3*h*(v - 50*mV) - g_k*n**4*(v + 90*mV) + I)/C : volt
dm/dt = 0.32*(u + 50)/(1 - exp((-50 - u)/4))/ms*(1 - m) - b_m/ms*m : 1
b_m = 0.28*(u + 23)/(exp((u + 23)/5) - 1) : 1
dn/dt = 0.032*(u + 48)/(1 - exp((-48 - u)/5))/ms*(1 - n) - 0.5*exp((-53 - u)/40)/ms*n : 1
dh/dt = 0.128*exp((-46 - u)/18)/ms*(1 - h) - 4/(1 + exp((-23 - u)/5))/ms*h : 1
u = v/mV : 1
I : amp
"""
TRUTH = {"g_na": 100 * MS, "g_k": 30 * MS, "g_l": 0.05 * MS, "C": 1 * ufarad * cmetre**-2 * AREA}
RANGES = {"g_na": (1 * MS, 200 * MS), "g_k": (1 * MS, 100 * MS), "g_l": (0.001 * MS, 1 * MS)}


def neuron(**parameters: Any) -> bb.NeuronModel:
    """Return the neuron with its true parameters, or others."""
    return bb.NeuronModel(
        EQUATIONS, parameters={**TRUTH, **parameters}, initial={"v": -65 * mV}, drive="I",
        method="exponential_euler", receive="",
    )  # fmt: skip


def currents() -> Any:
    """Return the input, (sweeps, times)."""
    on = (np.arange(STEPS) >= 60) & (np.arange(STEPS) < 540)
    return np.outer([0.25, 0.5, 1.0], on) * nA


def recording(noise: float = 0.0) -> Any:
    """Return the recorded potential, (sweeps, times), with noise in millivolts."""
    group = driven(neuron(), "I", currents(), float(DT)).group(3, dt=DT)
    monitor = StateMonitor(group, "v", record=True)
    Network(group, monitor).run(STEPS * DT)
    return monitor.v[:] + noise * mV * np.random.default_rng(0).normal(size=(3, STEPS))
