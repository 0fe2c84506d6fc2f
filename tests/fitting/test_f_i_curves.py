"""Eight rates over current, of three neurons: found to within 1 Hz from each of five seeds."""

from __future__ import annotations

import hodgkin_huxley
import numpy as np
import pytest
from brian2 import Hz, Mohm, Network, SpikeMonitor, amp, ms, mV, nS, pA, pF, prefs, second

import brianbridge as bb
from brianbridge.fitting.driven import driven

pytestmark = pytest.mark.slow


def leaky():
    neuron = bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > -50*mV", reset="v = V_r",
        refractory=3 * ms, initial={"v": "E_L"}, drive="I", receive="",
        parameters={"E_L": -70 * mV, "R": 100 * Mohm, "tau": 15 * ms, "V_r": -62 * mV},
    )  # fmt: skip
    learn = {
        "R": (10 * Mohm, 1e3 * Mohm),
        "tau": (2 * ms, 0.1 * second),
        "V_r": (-75 * mV, -52 * mV),
    }
    return neuron, learn, np.linspace(150, 500, 8) * pA


def adaptive():
    neuron = bb.NeuronModel(
        """dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C : volt
        dw/dt = (a*(v - E_L) - w)/tau_w : amp
        I : amp""",
        threshold="v > -30*mV", reset="v = -58*mV; w += b", method="exponential_euler",
        initial={"v": "E_L"}, drive="I", receive="",
        parameters={
            "g_L": 10 * nS, "E_L": -70 * mV, "Delta_T": 2 * mV, "V_T": -50 * mV, "C": 200 * pF,
            "a": 2 * nS, "tau_w": 100 * ms, "b": 30 * pA,
        },
    )  # fmt: skip
    learn = {
        "g_L": (1 * nS, 50 * nS), "C": (50 * pF, 1000 * pF), "a": (0 * nS, 20 * nS),
        "b": (1 * pA, 200 * pA), "tau_w": (20 * ms, 400 * ms),
    }  # fmt: skip
    return neuron, learn, np.linspace(100, 800, 8) * pA


def with_channels():
    neuron = bb.NeuronModel(
        hodgkin_huxley.EQUATIONS, parameters=hodgkin_huxley.TRUTH, initial={"v": -65 * mV},
        threshold="v > -20*mV", refractory="v > -20*mV", method="exponential_euler", drive="I",
        receive="",
    )  # fmt: skip
    return neuron, hodgkin_huxley.RANGES, np.linspace(0, 1000, 8) * pA


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("made", [leaky, adaptive, with_channels])
def test_a_curve_is_found_to_within_one_hertz(made, seed):
    prefs.codegen.target = "auto"
    neuron, learn, currents = made()
    dt = 0.05 * ms if made is with_channels else 0.1 * ms
    sweeps = np.repeat(np.asarray(currents), 10).reshape(8, 10) * amp  # a value each 0.1 s
    group = driven(neuron, "I", sweeps, 0.1).group(8, dt=dt)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(1 * second)
    rates = np.bincount(monitor.i, minlength=8) * Hz
    found = bb.fit(
        neuron, input=sweeps, input_dt=0.1 * second, target=rates, dt=dt, learn=learn, seed=seed
    )
    assert abs(found.measured["rate"] - rates).max() <= 1 * Hz
