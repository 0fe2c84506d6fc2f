"""Spike trains in the file of a fit, other metrics, moving thresholds and the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from brian2 import Mohm, Network, SpikeMonitor, ms, mV, pA

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.errors import InputError
from brianbridge.fitting.driven import driven
from brianbridge.fitting.file import fit_file
from brianbridge.fitting.recorded_spikes import recorded_spikes

DT, STEPS = 0.2 * ms, 1500
LEARN = {"tau": (2 * ms, 100 * ms), "jump": (0 * mV, 20 * mV)}
FILE = """
model = "cell.toml"
dt = "0.2 ms"
starts = 2
metric = "van_rossum"
precision = "3 ms"
[input]
file = "sweeps.npz"
values = "current"
unit = "pA"
sets = "I"
[target.spikes]
file = "spikes.csv"
values = "time"
unit = "ms"
[learn]
tau = ["2 ms", "100 ms"]
"""


CELL = """
equations = '''
dv/dt = (E_L - v + R*I)/tau : volt
dtheta/dt = (V_T - theta)/(20*ms) : volt
I : amp
'''
threshold = "v > theta"
reset = '''
v = -65*mV
theta += jump
'''
method = "exponential_euler"
receive = ""
drive = "I"
initial = { v = "E_L", theta = "V_T" }
[parameters]
E_L = "-70 mV"
R = "100 Mohm"
tau = "40 ms"
V_T = "-52 mV"
jump = "5 mV"
"""


def neuron(**changes):
    """Return a neuron whose threshold rises with each spike."""
    return bb.NeuronModel(
        "dv/dt = (E_L - v + R*I)/tau : volt\ndtheta/dt = (V_T - theta)/(20*ms) : volt\nI : amp",
        threshold="v > theta", reset="v = -65*mV\ntheta += jump", method="exponential_euler",
        parameters={
            "E_L": -70 * mV, "R": 100 * Mohm, "tau": 15 * ms, "V_T": -52 * mV, "jump": 5 * mV,
            **changes,
        },
        initial={"v": "E_L", "theta": "V_T"}, drive="I", receive="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def recording():
    noise = np.random.default_rng(1).normal(size=(2, STEPS + 200))
    kernel = np.exp(-np.arange(200) / 25)
    smooth = np.array([np.convolve(one, kernel, "valid")[:STEPS] for one in noise])
    current = (270 + 120 * smooth / smooth.std()) * pA
    group = driven(neuron(), "I", current, float(DT)).group(2, dt=DT)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(STEPS * DT)
    return current, [monitor.t[monitor.i == k] for k in range(2)]


def test_a_threshold_that_moves_is_found_by_a_distance(recording, tmp_path):
    current, trains = recording
    found = bb.fit(
        neuron(tau=40 * ms, jump=1 * mV), input=current, target=trains, dt=DT, learn=LEARN,
        starts=4, metric="victor_purpura",
    )  # fmt: skip
    assert found.loss < 0.05
    assert found.coincidence > 0.95
    assert float(found.parameters["tau"] / ms) == pytest.approx(15, rel=0.1)
    assert float(found.parameters["jump"] / mV) == pytest.approx(5, rel=0.15)
    assert found.score(current, trains) == found.loss
    pytest.importorskip("matplotlib")
    page = found.report(tmp_path / "fit.html").read_text()
    for part in ("Sweep 2", "jump", "Loss by victor_purpura", "simulated anew"):
        assert part in page
    assert page.count("<svg") == 3


def test_the_file_of_a_fit_names_spike_trains(recording, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    current, trains = recording
    np.savez("sweeps.npz", current=current / pA)
    rows = [f"{k},{t}" for k, train in enumerate(trains) for t in train / ms]
    Path("spikes.csv").write_text("\n".join(["sweep,time", *rows]))
    Path("cell.toml").write_text(CELL)
    Path("fit.toml").write_text(FILE)
    assert main(["fit", "fit.toml", "--result", "fit.json"]) == 0
    assert "van_rossum loss" in capsys.readouterr().out
    result = json.loads(Path("fit.json").read_text())
    assert result["parameters"]["tau"]["value"] == pytest.approx(15e-3, rel=0.1)
    assert result["metric"] == "van_rossum"


def test_csv_and_npz_hold_the_same_spikes(tmp_path):
    np.savez(tmp_path / "a.npz", first=[1.0, 2.5], second=[], third=[4.0])
    (tmp_path / "a.csv").write_text("sweep,time\n2,4\n0,1\n0,2.5\n")
    one = recorded_spikes(tmp_path / "a.npz", ["first", "second", "third"], "ms", 3)
    other = recorded_spikes(tmp_path / "a.csv", "time", "ms", 3)
    for times, same in zip(one, other, strict=True):
        assert np.array_equal(times / ms, same / ms)


def test_spikes_and_traces_are_not_fitted_together(tmp_path, refused):
    text = FILE + '[target.v]\nfile = "sweeps.npz"\nvalues = "current"\nunit = "mV"\n'
    np.savez(tmp_path / "sweeps.npz", current=np.ones((2, 5)))
    (tmp_path / "fit.toml").write_text(text.replace("cell.toml", "lif"))
    with refused("spikes and 'v'", "leave one out"):
        fit_file(str(tmp_path / "fit.toml"))


WRONG = {
    "column": ('"times"', "t,spikes\n0,1", "no values 'sweep'"),
    "sweep": ('"time"', "sweep,time\n1,5\n2,5", "count sweeps from 0"),
    "several": ('["time", "other"]', "sweep,time\n0,5", "give the one that has the times"),
    "kind": ('"time"', None, "no .npz or .csv file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_files_that_cannot_be_read_are_refused(case, tmp_path):
    values, text, said = WRONG[case]
    path = tmp_path / ("spikes.csv" if text else "spikes.txt")
    path.write_text(text or "")
    with pytest.raises(InputError, match=said):
        recorded_spikes(path, json.loads(values), "ms", 2)
