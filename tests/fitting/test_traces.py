"""Fits to voltage traces: the truth is found, and Brian2 confirms the loss."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, StateMonitor, ms, mV, nS, pA, pF
from hodgkin_huxley import DT, MS, RANGES, TRUTH, currents, neuron, recording

import brianbridge as bb
from brianbridge.fitting import differential
from brianbridge.fitting.driven import driven


def error(found) -> float:
    return max(abs(float(v) / float(TRUTH[k]) - 1) for k, v in found.parameters.items())


@pytest.fixture(scope="module")
def exact():
    return bb.fit(
        neuron(g_na=50 * MS, g_k=5 * MS), input=currents(), target={"v": recording()}, dt=DT,
        learn=RANGES, starts=8, seed=3,
    )  # fmt: skip


def test_conductances_of_a_spiking_neuron_are_found(exact):
    assert error(exact) < 1e-6
    assert exact.loss < 1e-12
    assert exact.model.parameters["g_na"] == exact.parameters["g_na"]


def test_brian2_confirms_the_loss_and_says_that_it_holds_only_at_this_step(exact):
    verified = exact.verify()
    assert verified.same
    assert verified.finer > 0.01 > verified.again
    assert not verified.holds
    assert "only at its own step" in str(verified)


def test_the_report_is_one_page_with_all_sweeps(exact, tmp_path):
    text = exact.report(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 3 + 1
    assert "20 uS" in text
    assert "only at its own step" in text
    assert "http-equiv" not in text
    assert "<script" not in text


def test_noise_of_the_recording_remains_and_the_intervals_tell_of_it():
    found = bb.fit(
        neuron(), input=currents(), target={"v": recording(noise=1)}, dt=DT, learn=RANGES, starts=8
    )
    assert error(found) < 0.01
    assert float(found.rms["v"] / mV) == pytest.approx(1, rel=0.05)
    for name, (low, high) in found.intervals.items():
        assert 0.98 * TRUTH[name] < low < found.parameters[name] < high < 1.02 * TRUTH[name]
    assert found.free == ()


def leaky(**changes):
    return NeuronGroup(
        1, "dv/dt = (g*(E - v) + I)/C : volt\nI : amp", method="exact",
        namespace={"g": 10 * nS, "E": -70 * mV, "C": 200 * pF, **changes},
    )  # fmt: skip


def passive(dt=0.1 * ms, steps=1000) -> np.ndarray:
    """Return the response of `leaky` to 100 pA from 10 ms on."""
    t = np.maximum(np.arange(steps) * float(dt) - 0.01, 0)
    return (-70 + 10 * (1 - np.exp(-t / 0.02))) * mV


def step(steps=1000) -> np.ndarray:
    return 100 * pA * (np.arange(steps) >= 100)


def test_a_group_is_fitted_with_missing_values_and_a_coarser_recording():
    target = passive()[::5].copy()
    target[50:60] = np.nan * mV
    found = bb.fit(
        leaky(g=3 * nS), input=step(), drive="I", target={"v": target}, dt=0.1 * ms,
        target_dt=0.5 * ms, learn={"g": (1 * nS, 100 * nS), "C": (50 * pF, 1000 * pF)}, starts=4,
        mask_nan=True,
    )  # fmt: skip
    assert float(found.parameters["g"] / nS) == pytest.approx(10, rel=1e-6)
    assert float(found.parameters["C"] / pF) == pytest.approx(200, rel=1e-6)
    assert found.verify().holds


def test_what_is_not_determined_is_named():
    group = NeuronGroup(
        1, "dv/dt = (a*b*(-70*mV - v) + I/C)/(20*ms) : volt\nI : amp", method="exact",
        namespace={"a": 1.0, "b": 1.0, "C": 10 * nS},
    )  # fmt: skip
    found = bb.fit(
        group, input=step(), drive="I", target={"v": passive()}, dt=0.1 * ms, starts=4,
        learn={"a": (0.1, 10), "b": (0.1, 10), "C": (1 * nS, 100 * nS)},
    )  # fmt: skip
    assert found.free == (("a", "b"),)
    assert float(found.parameters["a"] * found.parameters["b"]) == pytest.approx(1, rel=1e-6)
    assert "not determined: a with b" in str(found)


def test_t_start_and_weights_leave_values_out():
    broken = passive().copy()
    broken[:300] = -90 * mV
    broken[900:] = -20 * mV
    weights = np.ones(1000)
    weights[900:] = 0
    found = bb.fit(
        leaky(g=3 * nS), input=step(), drive="I", target={"v": broken}, dt=0.1 * ms, starts=4,
        learn={"g": (1 * nS, 100 * nS)}, t_start=60 * ms, weights=weights,
    )  # fmt: skip
    # It starts at -90 mV, which is forgotten within the recording.
    assert float(found.parameters["g"] / nS) == pytest.approx(10, rel=0.3)


def test_the_same_seed_gives_the_same_fit_and_progress_is_told():
    told = []

    def fit():
        return bb.fit(
            leaky(g=3 * nS), input=step(), drive="I", target={"v": passive()}, dt=0.1 * ms,
            learn={"g": (1 * nS, 100 * nS)}, starts=4, seed=5,
            progress=lambda *state: told.append(state),
        )  # fmt: skip

    first, second = fit(), fit()
    assert first.parameters == second.parameters
    assert [number for number, _, _ in told[: len(told) // 2]] == sorted(
        number for number, _, _ in told[: len(told) // 2]
    )
    assert told[-1][2] < told[0][2]


def test_recordings_of_one_shape_share_compiled_code_and_keep_their_values():
    one, other = (driven(neuron(), "I", k * currents(), float(DT)) for k in (1, 2))
    functions = [model.timed_arrays["fit_input"].function("fit_input") for model in (one, other)]
    assert functions[0].name == functions[1].name
    peaks = []
    for model in (one, other):
        group = model.group(3, dt=DT)
        monitor = StateMonitor(group, "I", record=True)
        Network(group, monitor).run(10 * ms)
        peaks.append(float(monitor.I.max() / pA))
    assert peaks == pytest.approx([1000, 2000])


def test_a_threshold_is_found_by_evolution_only(refused, monkeypatch):
    monkeypatch.setattr(differential, "_GENERATIONS", 20)
    given = {
        "input": 250 * pA * (np.arange(500) >= 50), "drive": "I", "dt": 0.2 * ms, "starts": 32,
        "learn": {"V_T": (-65 * mV, -46 * mV)},
    }  # fmt: skip

    def firing(level):
        return bb.NeuronModel(
            "dv/dt = (g*(E - v) + I)/C : volt\nI : amp", threshold="v > V_T", reset="v = E",
            parameters={"g": 10 * nS, "E": -70 * mV, "C": 200 * pF, "V_T": level},
            initial={"v": "E"}, receive="",
        )  # fmt: skip

    group = driven(firing(-52 * mV), "I", given["input"][None], 2e-4).group(1, dt=0.2 * ms)
    monitor = StateMonitor(group, "v", record=True)
    Network(group, monitor).run(100 * ms)
    given["target"] = {"v": monitor.v[:]}
    with refused("'V_T'", "as on a threshold", "optimizer='evolution'"):
        bb.fit(firing(-60 * mV), **given)
    found = bb.fit(firing(-60 * mV), **given, optimizer="evolution")
    assert float(found.parameters["V_T"] / mV) == pytest.approx(-52, abs=0.5)
    assert found.loss < 1e-12
    assert found.free == ()
    assert found.verify().same


@pytest.mark.slow
def test_a_fit_in_a_narrow_valley_goes_on_to_the_minimum():
    """The loss is least where the fit ends, so it is at most that of the truth."""
    equations = """
    dv/dt = (g_L*(E_L - v) - w + I)/C : volt
    dw/dt = (a*(v - E_L) - w)/tau_w : amp
    I : amp
    """
    truth = {"g_L": 10 * nS, "E_L": -70 * mV, "C": 200 * pF, "a": 6 * nS, "tau_w": 30 * ms}
    current = np.zeros((2, 1000))
    current[0, 200:800], current[1, 200:800] = 100, -150
    true = bb.NeuronModel(equations, method="euler", parameters=truth, initial={"v": -70 * mV})
    cell = driven(true, "I", current * pA, 1e-4).group(2, dt=0.1 * ms)
    electrode = StateMonitor(cell, "v", record=True)
    Network(cell, electrode).run(100 * ms)
    noise = np.random.default_rng(2).normal(0, 0.2, (2, 1000)) * mV
    model = NeuronGroup(1, equations, method="euler", namespace=truth)
    model.v = -70 * mV
    found = bb.fit(
        model, input=current * pA, drive="I", target={"v": electrode.v + noise}, dt=0.1 * ms,
        learn={"g_L": (1 * nS, 100 * nS), "C": (50 * pF, 1000 * pF), "a": (0 * nS, 20 * nS),
               "tau_w": (5 * ms, 200 * ms)}, starts=4,
    )  # fmt: skip
    at_truth = np.mean((noise / mV) ** 2) / np.var((electrode.v + noise) / mV)
    assert found.loss < at_truth
    for name, (low, high) in found.intervals.items():
        assert low - (high - low) < truth[name] < high + (high - low)
