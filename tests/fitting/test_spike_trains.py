"""Fits to spike trains: a leaky neuron is found from its spikes alone."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Mohm, Network, SpikeMonitor, ms, mV, nA, pA, second

import brianbridge as bb
from brianbridge.fitting.coincidence import coincidence
from brianbridge.fitting.driven import driven
from brianbridge.fitting.spike_problem import SpikeProblem

DT, STEPS = 0.2 * ms, 1500
TRUTH = {"E_L": -70 * mV, "R": 100 * Mohm, "tau": 15 * ms, "V_T": -50 * mV, "V_r": -62 * mV}


def neuron(**changes):
    return bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > V_T", reset="v = V_r",
        parameters={**TRUTH, **changes}, initial={"v": "E_L"}, drive="I", receive="",
    )  # fmt: skip


def current(seed: int):
    """Return a current that fluctuates within 5 ms, two sweeps."""
    noise = np.random.default_rng(seed).normal(size=(2, STEPS + 200))
    kernel = np.exp(-np.arange(200) / 25)
    smooth = np.array([np.convolve(one, kernel, "valid")[:STEPS] for one in noise])
    return (250 + 120 * smooth / smooth.std()) * pA


def spikes(values):
    group = driven(neuron(), "I", values, float(DT)).group(2, dt=DT)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(STEPS * DT)
    return [monitor.t[monitor.i == k] for k in range(2)]


def test_a_leaky_neuron_is_found_from_its_spikes_and_predicts_others():
    values, told = current(1), []
    found = bb.fit(
        neuron(tau=50 * ms, R=300 * Mohm), input=values, target=spikes(values), dt=DT, starts=4,
        learn={"tau": (2 * ms, 100 * ms), "R": (10 * Mohm, 1000 * Mohm)},
        progress=lambda *state: told.append(state),
    )  # fmt: skip
    assert found.coincidence > 0.9
    assert float(found.parameters["tau"] / ms) == pytest.approx(15, rel=0.2)
    assert float(found.parameters["R"] / Mohm) == pytest.approx(100, rel=0.2)
    other = current(2)
    assert found.score(other, spikes(other)) > 0.8
    assert found.verify().same
    assert len(found.trains) == 2
    assert told[-1][2] < told[0][2] == 1


def test_the_coincidence_factor_counts_spikes_beyond_chance():
    rng = np.random.default_rng(0)
    recorded = np.sort(rng.random(400)) * 100
    assert coincidence(recorded + 1e-3, recorded, 2e-3, 100.0) == pytest.approx(1)
    assert coincidence(recorded[::2], recorded, 2e-3, 100.0) == pytest.approx(2 / 3, abs=0.02)
    by_chance = [
        coincidence(np.sort(rng.random(400)) * 100, recorded, 5e-3, 100.0) for _ in range(20)
    ]
    assert np.mean(by_chance) == pytest.approx(0, abs=0.02)


def test_long_sweeps_are_cut_into_pieces_after_a_run_up():
    values = np.arange(20_000.0).reshape(2, 10_000) * pA
    problem = SpikeProblem.checked(
        neuron(), input=values, target=[[0.6, 1.9] * second, [0.1] * second], dt=DT, drive="I",
        learn={"tau": (2 * ms, 100 * ms)}, precision=2 * ms, metric="gamma",
    )  # fmt: skip
    assert problem.fires.shape == (8, 4000)
    assert problem.counts.sum(1).tolist() == [2500] * 8
    assert (problem.fires & problem.counts).sum(1).tolist() == [0, 1, 0, 1, 1, 0, 0, 0]
    inputs = problem.pieces.timed_arrays["fit_input"].values.T / pA
    assert np.allclose(np.sort(inputs[problem.counts]), np.arange(20_000.0))
    assert np.flatnonzero(problem.counts[1])[0] == 1500  # the run-up


REFUSED = {
    "too few trains": ({"target": [[0.1] * second]}, ("2 sweeps", "1 spike trains")),
    "times without unit": ({"target": [[0.1], [0.1]]}, ("spike train 0", "second")),
    "a late spike": ({"target": [[0.1] * second, [0.4] * second]}, ("0.4 s", "0 to 0.3 s")),
    "two at once": ({"target": [[10, 10.01] * ms, [1] * ms]}, ("two spikes", "smaller dt")),
    "no spikes": ({"target": [[] * ms, [] * ms]}, ("no spikes",)),
    "no input": ({"input": None}, ("needs the input",)),
    "weights": ({"weights": 1}, ("weights is for a fit to traces", "leave it out")),
    "a time to start": ({"t_start": 5 * ms}, ("t_start is for a fit to traces", "leave it out")),
    "an unknown metric": ({"metric": "van_rosum"}, ("'van_rosum'", "van_rossum")),
    "a metric of traces": (
        {"target": {"v": np.ones((2, STEPS)) * mV}, "metric": "van_rossum"},
        ("metric is for a fit to spike trains", "leave it out"),
    ),
    "an input in another unit": ({"input": np.ones((2, STEPS)) * mV}, ("volt", "amp")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_any_work(case, refused):
    changes, said = REFUSED[case]
    given = {
        "input": np.ones((2, STEPS)) * nA, "target": [[10] * ms, [20] * ms], "dt": DT,
        "learn": {"tau": (2 * ms, 100 * ms)},
    }  # fmt: skip
    with refused(*said):
        bb.fit(neuron(), **{**given, **changes})


def test_a_threshold_of_several_conditions_is_refused(refused):
    model = bb.NeuronModel(
        "dv/dt = (I - v)/tau : 1\nI : 1", threshold="v > 1 and I > 0", reset="v = 0",
        parameters={"tau": 5 * ms}, drive="I",
    )  # fmt: skip
    with refused("'v > 1 and I > 0'", "one variable that passes a level"):
        bb.fit(model, input=np.ones(100), target=[[1] * ms], dt=DT, learn={"tau": (1 * ms, 9 * ms)})
