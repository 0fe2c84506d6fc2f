"""Fits to firing rates: f-I curves are reproduced to the spike."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, Mohm, Network, SpikeMonitor, ms, mV, nA, pA, second

import brianbridge as bb
from brianbridge.fitting.driven import driven

DT = 0.5 * ms
TRUTH = {"E_L": -70 * mV, "R": 100 * Mohm, "tau": 15 * ms, "V_T": -50 * mV, "V_r": -62 * mV}
LEARN = {"R": (10 * Mohm, 1000 * Mohm), "tau": (2 * ms, 100 * ms)}
CURRENTS = np.linspace(150, 500, 4)[:, None] * pA


def neuron(**changes):
    return bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > V_T", reset="v = V_r",
        parameters={**TRUTH, **changes}, initial={"v": "E_L"}, drive="I", receive="",
    )  # fmt: skip


def counted(first=0.0):
    group = driven(neuron(), "I", CURRENTS, 1.0).group(4, dt=DT)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(1 * second)
    late = monitor.t_ >= first
    return np.bincount(monitor.i[late], minlength=4) / (1 - first)


@pytest.mark.parametrize("first", [0.0, 0.5])
def test_a_curve_of_rates_is_reproduced_to_the_spike(first):
    told = []
    found = bb.fit(
        neuron(tau=50 * ms, R=300 * Mohm), input=CURRENTS, target=counted(first) * Hz, dt=DT,
        input_dt=1 * second, learn=LEARN, t_start=first * second, starts=12, seed=2,
        progress=lambda *state: told.append(state),
    )  # fmt: skip
    assert abs(found.measured["rate"] - counted(first) * Hz).max() <= 1 / (1 - first) * Hz
    verified = found.verify()
    assert verified.same
    assert verified.holds
    assert [number for number, _, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][2] == found.loss == found.starts[0].loss
    assert found.to_dict()["wanted"]["rate"]["value"] == counted(first).tolist()
    assert "rate: " in str(found)


REFUSED = {
    "another number of rates": ({"target": [1, 2] * Hz}, ("4 sweeps", "(2,)")),
    "a list of rates": ({"target": [1 * Hz, 2 * Hz]}, ("4 sweeps", "(2,)")),
    "a rate below 0": ({"target": [0, 1, 2, -3] * Hz}, ("-3 Hz", "from 0 on")),
    "a rate that is no number": ({"target": [0, 1, 2, np.nan] * Hz}, ("nan Hz",)),
    "silence": ({"target": [0, 0, 0, 0] * Hz}, ("all 0 Hz", "fires")),
    "no input": ({"input": None}, ("needs the input",)),
    "input that is not finite": ({"input": np.full((4, 9), np.inf) * nA}, ("not finite",)),
    "a late start": ({"t_start": 1 * second}, ("t_start = 1000 ms", "shorter")),
    "weights": ({"weights": 1}, ("weights is for a fit to traces", "rates", "leave it out")),
    "no threshold": (
        {"model": bb.NeuronModel("dv/dt = (I - v)/tau : 1\nI : 1", parameters={"tau": 5 * ms})},
        ("no threshold", "threshold='v > -20*mV'"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_any_work(case, refused, monkeypatch):
    monkeypatch.setattr(Network, "run", lambda *_, **__: pytest.fail("something was simulated"))
    changes, said = REFUSED[case]
    given = {
        "model": neuron(), "input": CURRENTS, "target": [0, 1, 2, 3] * Hz, "dt": DT,
        "input_dt": 1 * second, "learn": {"tau": (2 * ms, 100 * ms)},
    }  # fmt: skip
    with refused(*said):
        bb.fit(**{**given, **changes})
