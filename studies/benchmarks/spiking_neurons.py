"""The neurons that `fit_spikes.py` fits, their ranges and their input."""

from __future__ import annotations

from typing import Any

from brian2 import Mohm, ms, mV, nS, pA, pF

import brianbridge as bb

#: Neuron, ranges, mean and deviation of the input.
MODELS: dict[str, tuple[bb.NeuronModel, dict[str, Any], Any, Any]] = {
    "lif": (
        bb.NeuronModel(
            "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > V_T", reset="v = V_r",
            parameters={
                "E_L": -70 * mV, "R": 100 * Mohm, "tau": 15 * ms, "V_T": -50 * mV, "V_r": -62 * mV,
            },
            initial={"v": "E_L"}, drive="I", receive="",
        ),
        {"tau": (2 * ms, 100 * ms), "R": (10 * Mohm, 1000 * Mohm), "V_r": (-80 * mV, -52 * mV)},
        200 * pA, 100 * pA,
    ),
    "adex": (
        bb.NeuronModel(
            "dv/dt = (g_L*(E_L - v) + g_L*D_T*exp((v - V_T)/D_T) - w + I)/C : volt\n"
            "dw/dt = (a*(v - E_L) - w)/tau_w : amp\nI : amp",
            threshold="v > V_T + 5*D_T", reset="v = V_r\nw += b", method="exponential_euler",
            parameters={
                "E_L": -70 * mV, "g_L": 10 * nS, "C": 200 * pF, "D_T": 2 * mV, "V_T": -50 * mV,
                "V_r": -58 * mV, "a": 2 * nS, "b": 40 * pA, "tau_w": 100 * ms,
            },
            initial={"v": "E_L"}, drive="I", receive="",
        ),
        {
            "g_L": (2 * nS, 40 * nS), "C": (50 * pF, 800 * pF), "V_T": (-60 * mV, -40 * mV),
            "V_r": (-75 * mV, -50 * mV), "b": (5 * pA, 300 * pA), "tau_w": (20 * ms, 500 * ms),
        },
        400 * pA, 250 * pA,
    ),
    "izhikevich": (
        bb.NeuronModel(
            "dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I)/ms : volt\n"
            "du/dt = a*(b*v - u)/ms : volt\nI : volt",
            threshold="v > 30*mV", reset="v = c\nu += d", method="euler",
            parameters={"a": 0.02, "b": 0.2, "c": -65 * mV, "d": 8 * mV},
            initial={"v": -65 * mV, "u": -13 * mV}, drive="I", receive="",
        ),
        {
            "a": (0.005, 0.2), "b": (0.1, 0.3), "c": (-75 * mV, -45 * mV),
            "d": (0.5 * mV, 20 * mV),
        },
        8 * mV, 6 * mV,
    ),
    # Of Teeter et al. 2018, who fix the time constants of the after-spike currents too.
    "glif": (
        bb.NeuronModel(
            "dv/dt = (g_L*(E_L - v) + A_1 + A_2 + I)/C : volt (unless refractory)\n"
            "dA_1/dt = -A_1/tau_1 : amp\ndA_2/dt = -A_2/tau_2 : amp\n"
            "dth_s/dt = -th_s/tau_s : volt\ndth_v/dt = (a*(v - E_L) - th_v)/tau_v : volt\n"
            "theta = V_T + th_s + th_v : volt\nI : amp",
            threshold="v > theta", refractory=2 * ms, method="exponential_euler",
            reset="v = V_r\nA_1 += d_1\nA_2 += d_2\nth_s += d_s",
            parameters={
                "E_L": -70 * mV, "g_L": 5 * nS, "C": 100 * pF, "V_T": -52 * mV, "V_r": -62 * mV,
                "d_1": -80 * pA, "d_2": -15 * pA, "tau_1": 10 * ms, "tau_2": 100 * ms,
                "d_s": 4 * mV, "tau_s": 30 * ms, "a": 0.15, "tau_v": 50 * ms,
            },
            initial={"v": "E_L"}, drive="I", receive="",
        ),
        {
            "g_L": (1 * nS, 30 * nS), "C": (30 * pF, 500 * pF), "V_T": (-62 * mV, -40 * mV),
            "d_1": (-300 * pA, 100 * pA), "d_2": (-100 * pA, 50 * pA), "d_s": (0 * mV, 20 * mV),
            "tau_s": (5 * ms, 200 * ms), "a": (0, 0.5),
        },
        220 * pA, 140 * pA,
    ),
}  # fmt: skip
