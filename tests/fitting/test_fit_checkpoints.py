"""A fit that was interrupted goes on from its checkpoint, with the same result."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from brian2 import Hz, Mohm, Network, ms, mV, pA

import brianbridge as bb
from brianbridge.cli import main

T = np.arange(100) * 0.1 * ms
NOISE = np.random.default_rng(0).normal(0, 0.3, 100)
TARGETS = {
    "traces": {"v": (-70 + 10 * (1 - np.exp(-T / (12 * ms))) + NOISE) * mV},
    "rates": [400, 500] * Hz,
    "spikes": [[5, 8] * ms, [3, 5, 7, 9] * ms],
    "likelihood": [[5, 8] * ms, [3, 5, 7, 9] * ms],
}
SIMULATIONS = {"traces": 20, "rates": 5, "spikes": 30, "likelihood": 20}


def fit(kind, **changes):
    neuron = bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\nI : amp", threshold="v > -50*mV", reset="v = E_L",
        parameters={"E_L": -70 * mV, "R": 100 * Mohm, "tau": 10 * ms}, initial={"v": "E_L"},
        drive="I", receive="",
    )  # fmt: skip
    currents = np.outer([100] if kind == "traces" else [250, 500], np.ones(100)) * pA
    given = {
        "input": currents, "target": TARGETS[kind], "dt": 0.1 * ms, "starts": 4, "seed": 1,
        "learn": {"R": (10 * Mohm, 1000 * Mohm), "tau": (2 * ms, 100 * ms)},
    }  # fmt: skip
    if kind == "likelihood":
        given["metric"] = kind
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
        if number >= SIMULATIONS[kind]:
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


OTHERS = {
    "starts": {"starts": 8},
    "seed": {"seed": 2},
    "dt": {"dt": 0.05 * ms, "input_dt": 0.1 * ms, "target_dt": 0.1 * ms},
    "learn": {"learn": {"tau": (2 * ms, 100 * ms)}},
    "input": {"input": np.ones(100) * 90 * pA},
    "target": {"target": {"v": TARGETS["traces"]["v"] + 1 * mV}},
}


def test_the_checkpoint_of_another_fit_is_refused_and_says_what_differs(tmp_path, refused):
    path = tmp_path / "fit.checkpoint"
    fit("traces", checkpoint=path)
    before = path.read_bytes()
    for name, changes in OTHERS.items():
        with refused("fit.checkpoint", "other values of: ", name, "remove it"):
            fit("traces", checkpoint=path, **changes)
    with refused("other values of: input, target"):
        fit("rates", checkpoint=path)
    assert path.read_bytes() == before
    path.write_text("something else")
    with refused("is no checkpoint", "name another file"):
        fit("traces", checkpoint=path)
    with refused("is a folder"):
        fit("traces", checkpoint=tmp_path)


FIT = """
model = "cell_model.toml"
dt = "0.1 ms"
starts = 4
[target.v]
file = "v.csv"
values = "v"
unit = "mV"
[learn]
tau = ["1 ms", "100 ms"]
"""


@pytest.mark.parametrize("keeps", [False, True])
def test_an_interrupted_command_says_whether_it_goes_on(keeps, tmp_path, monkeypatch, capsys):
    (tmp_path / "cell_model.toml").write_text(
        'equations = "dv/dt = (10*mV - v)/tau : volt"\nmethod = "exact"\nreceive = ""\n'
        '[parameters]\ntau = "20 ms"\n'
    )
    values = 10 * (1 - np.exp(-T / (12 * ms))) + NOISE
    (tmp_path / "v.csv").write_text("\n".join(["v", *map(str, values)]))
    (tmp_path / "cell.toml").write_text(FIT)
    kept = tmp_path / "fit.checkpoint"
    command = ["fit", str(tmp_path / "cell.toml"), *(["--checkpoint", str(kept)] if keeps else [])]
    runs, run = [], Network.run

    def interrupted(*arguments, **keywords):
        runs.append(1)
        if len(runs) == 20:
            signal.raise_signal(signal.SIGINT)
        return run(*arguments, **keywords)

    monkeypatch.setattr(Network, "run", interrupted)
    assert main(command) == 130
    error = capsys.readouterr().err.splitlines()[-1]  # a slow machine tells progress before
    assert error.startswith("brianbridge: interrupted; ")
    assert ("the same command resumes where it stopped" in error) == keeps
    assert main(command) == 0
    assert kept.exists() == keeps
    assert "tau = 1" in capsys.readouterr().out
