"""The likelihood of spike trains under escape noise, with the width of the noise."""

from __future__ import annotations

from dataclasses import replace

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


@pytest.mark.slow
def test_parameters_and_width_of_a_noisy_neuron_are_found_and_verified():
    current, trains = recording()
    found = bb.fit(
        neuron(), input=current, target=trains, dt=DT, learn=LEARN, starts=2, metric="likelihood"
    )
    assert float(found.parameters["tau"] / ms) == pytest.approx(15, rel=0.15)
    assert float(found.parameters["R"] / Mohm) == pytest.approx(100, rel=0.05)
    assert float(found.noise / mV) == pytest.approx(1, rel=0.25)
    verified = found.verify()
    assert verified.same
    assert verified.holds
    assert found.score(current, trains) == pytest.approx(found.loss, abs=1e-9)
    assert found.to_dict()["noise"]["value"] == pytest.approx(float(found.noise))
    assert "width of the noise" in str(found)


@pytest.mark.parametrize("refractory", [None, 5 * ms])
def test_the_loss_of_a_neuron_at_its_threshold_is_that_by_hand(refractory):
    """It fires with the rate of 1/ms in each step of 0.2 ms, unless it is refractory."""
    model = replace(neuron().with_parameters(V_T=-70 * mV), refractory=refractory, reset="")
    problem = SpikeProblem.checked(
        model, input=np.zeros((1, 500)) * pA, target=[[10, 50] * ms], dt=DT, learn=LEARN,
        drive="I", precision=2 * ms, metric="likelihood",
    )  # fmt: skip
    silent = 498 if refractory is None else 498 - 2 * 24  # of 25 steps, the first has the spike
    by_hand = -2 * np.log(-np.expm1(-0.2)) + silent * 0.2
    at_a_constant_rate = 2 * (1 - np.log(20 * 0.2e-3))
    loss = likelihood_loss(problem, {}, 1e-3)
    assert loss == pytest.approx((by_hand - at_a_constant_rate) / 2, rel=1e-6)


def test_a_spike_in_the_refractory_period_is_refused(refused):
    model = replace(neuron(), refractory=5 * ms)
    with refused("spike train 0", "2 ms apart", "refractory for 5 ms", "shorter"):
        bb.fit(
            model, input=np.zeros(500) * pA, target=[[10, 12] * ms], dt=DT, learn=LEARN,
            metric="likelihood",
        )  # fmt: skip
