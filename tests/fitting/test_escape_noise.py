"""The likelihood of spike trains under escape noise, with the width of the noise."""

from __future__ import annotations

import brian2
import numpy as np
import pytest
from brian2 import Mohm, Network, NeuronGroup, SpikeMonitor, TimedArray, ms, mV, pA

import brianbridge as bb
from brianbridge.fitting.escape_noise import likelihood_loss
from brianbridge.fitting.spike_problem import SpikeProblem

DT, STEPS = 0.2 * ms, 4000
LEARN = {"tau": (2 * ms, 100 * ms), "R": (10 * Mohm, 1000 * Mohm)}


def neuron():
    return bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > V_T", reset="v = -62*mV",
        parameters={"E_L": -70 * mV, "R": 300 * Mohm, "tau": 50 * ms, "V_T": -50 * mV},
        initial={"v": "E_L"}, drive="I", receive="",
    )  # fmt: skip


def recording():
    """Return a current, and the spikes of a leaky neuron with escape noise of 1 mV."""
    noise = np.random.default_rng(1).normal(size=(4, STEPS + 200))
    kernel = np.exp(-np.arange(200) / 25)
    smooth = np.array([np.convolve(one, kernel, "valid")[:STEPS] for one in noise])
    current = (220 + 100 * smooth / smooth.std()) * pA
    group = NeuronGroup(
        4, "dv/dt = (-70*mV - v + 100*Mohm*stimulus(t, i))/(15*ms) : volt", method="exact", dt=DT,
        threshold="rand() < 1 - exp(-dt/ms*exp((v + 50*mV)/mV))", reset="v = -62*mV",
        namespace={"stimulus": TimedArray(current.T, dt=DT)},
    )  # fmt: skip
    group.v = -70 * mV
    brian2.seed(1)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(STEPS * DT)
    return current, [monitor.t[monitor.i == k] for k in range(4)]


def test_parameters_and_width_of_a_noisy_neuron_are_found_and_verified():
    current, trains = recording()
    found = bb.fit(
        neuron(), input=current, target=trains, dt=DT, learn=LEARN, starts=4, metric="likelihood"
    )
    assert float(found.parameters["tau"] / ms) == pytest.approx(15, rel=0.15)
    assert float(found.parameters["R"] / Mohm) == pytest.approx(100, rel=0.05)
    assert float(found.noise / mV) == pytest.approx(1, rel=0.25)
    assert found.verify().same
    assert found.verify().holds
    assert found.score(current, trains) == pytest.approx(found.loss, abs=1e-9)
    assert found.to_dict()["noise"]["value"] == pytest.approx(float(found.noise))
    assert "width of the noise" in str(found)


def test_the_loss_is_0_for_noise_that_hides_the_threshold_and_minus_the_gain_by_hand():
    """A neuron at rest at its threshold fires at 1000 Hz; the likelihood is that of the rate."""
    current, steps = np.zeros((1, 500)) * pA, 500
    model = neuron().with_parameters(V_T=-70 * mV)
    problem = SpikeProblem.checked(
        model, input=current, target=[[10, 50] * ms], dt=DT, learn=LEARN, drive="I",
        precision=2 * ms, metric="likelihood",
    )  # fmt: skip
    loss = likelihood_loss(problem, {}, 1e9)
    fires, rate = -np.log(-np.expm1(-0.2)), 2 / 0.1
    by_hand = (2 * fires + (steps - 2) * 0.2) / 2 - (1 - np.log(rate * 0.2e-3))
    assert loss == pytest.approx(by_hand, rel=1e-6)
