"""A fit that was interrupted goes on from its checkpoint, with the same result."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, Mohm, Network, ms, mV, pA, second
from brian2.units.allunits import msecond  # noqa: F401

import brianbridge as bb
from brianbridge.cli import main

T = np.arange(100) * 0.1 * ms
TARGETS = {
    "traces": {"v": (-70 + 10 * (1 - np.exp(-T / (12 * ms)))) * mV},
    "rates": [0, 40] * Hz,
    "spikes": [[5, 8] * ms, [3, 5, 7, 9] * ms],
}
SIMULATIONS = {"traces": 20, "rates": 5, "spikes": 30}


def fit(kind, **changes):
    neuron = bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > -50*mV", reset="v = E_L",
        parameters={"E_L": -70 * mV, "R": 100 * Mohm, "tau": 10 * ms}, initial={"v": "E_L"},
        drive="I", receive="",
    )  # fmt: skip
    currents = np.ones(100) * 100 * pA if kind == "traces" else np.outer([250, 500], np.ones(100)) * pA
    given = {
        "input": currents, "target": TARGETS[kind], "dt": 0.1 * ms, "starts": 4, "seed": 1,
        "learn": {"R": (10 * Mohm, 1000 * Mohm), "tau": (2 * ms, 100 * ms)},
    }  # fmt: skip
    return bb.fit(neuron, **{**given, **changes})


class Stopped(Exception):
    pass


@pytest.mark.parametrize("kind", TARGETS)
def test_an_interrupted_fit_goes_on_with_the_same_result(kind, tmp_path, monkeypatch):
    runs = []
    run = Network.run
    monkeypatch.setattr(Network, "run", lambda *a, **k: (runs.append(1), run(*a, **k)))
    whole, path = fit(kind), tmp_path / "fit.checkpoint"
    most = len(runs)

    def stop(number, *_):
        if number == SIMULATIONS[kind]:
            raise Stopped

    with pytest.raises(Stopped):
        fit(kind, checkpoint=path, progress=stop)
    runs.clear()
    resumed = fit(kind, checkpoint=path)
    assert 0 < len(runs) < most
    assert resumed.parameters == whole.parameters
    assert [one.loss for one in resumed.starts] == [one.loss for one in whole.starts]
    runs.clear()
    assert fit(kind, checkpoint=path).parameters == whole.parameters
    assert len(runs) < most / 4
