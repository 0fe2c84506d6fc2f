"""Rates and features in the file of a fit, its arrays and sweeps, and the report pages."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from brian2 import Hz, Mohm, NeuronGroup, ms, mV, pA

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.fitting.file import fit_file
from brianbridge.fitting.recorded_spikes import recorded_spikes
from brianbridge.fitting.recorded_values import recorded_values

CELL = """
equations = '''
dv/dt = (-70*mV - v + R*I)/tau : volt
I : amp
'''
threshold = "v > -50*mV"
reset = "v = -62*mV"
method = "exact"
receive = ""
drive = "I"
initial = { v = "-70 mV" }
[parameters]
R = "300 Mohm"
tau = "20 ms"
"""
FILE = """
model = "cell.toml"
dt = "0.5 ms"
starts = 10
[input]
file = "input.npz"
values = "current"
unit = "pA"
TARGET
[learn]
R = ["10 Mohm", "1000 Mohm"]
"""
RATES = '[target]\nrates = ["0 Hz", "50 Hz"]'
FEATURES = """[target.features]
variable = "v"
stim_end = "100 ms"
[target.features.values]
minimum_voltage = "-70 mV"
maximum_voltage = ["-55 mV", "-50 mV"]
[target.features.scale]
minimum_voltage = "1 mV"
maximum_voltage = "1 mV"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cell.toml").write_text(CELL)
    current = np.outer([150, 250], np.ones(200))
    others = np.array([{"a": 1}], dtype=object)  # a pickle, which nobody asks for
    np.savez("input.npz", current=current, others=others)
    return tmp_path


def write(target: str) -> str:
    Path("fit.toml").write_text(FILE.replace("TARGET", target))
    return "fit.toml"


def test_rates_are_fitted_by_a_file_with_a_report(folder):
    assert main(["fit", write(RATES), "--report", "fit.html"]) == 0
    found = fit_file("fit.toml")
    assert list(found.measured["rate"] / Hz) == pytest.approx([0, 50])
    check_page(Path("fit.html").read_text(), "rate of each sweep", "Losses", "wanted")


def test_features_are_fitted_by_a_file(folder):
    pytest.importorskip("efel")
    found = fit_file(write(FEATURES))
    assert found.measured["maximum_voltage"] / mV == pytest.approx([-55, -50], abs=1)
    page = found.report("fit.html").read_text()
    check_page(page, "minimum_voltage of each sweep", "maximum_voltage of each sweep")


@pytest.mark.parametrize("target", [
    RATES + '\n[target.v]\nfile = "input.npz"\nvalues = "current"',
    RATES + '\n[target.spikes]\nfile = "input.npz"\nvalues = "current"',
    FEATURES + '[target.v]\nfile = "input.npz"\nvalues = "current"',
])  # fmt: skip
def test_two_kinds_of_target_are_refused(folder, target, refused):
    with refused("a fit is to one of them", "leave one out"):
        fit_file(write(target))


@pytest.mark.parametrize(("target", "said"), [
    ('[target]\nrates = ["20 mV", "3 mV"]', "no recording"),
    ('[target]\nrates = []', "target.rates"),
    (FEATURES.replace("-70 mV", "-70 pA"), "has the unit amp"),
    (FEATURES.replace("stim_end", "stim_ende"), "stim_ende"),
    ('[target.v]\nfile = "input.npz"\nvalues = "others"', "cannot be read"),
])  # fmt: skip
def test_bad_targets_exit_with_2_and_one_line(folder, target, said, capsys):
    if "features" in target:
        pytest.importorskip("efel")
    assert main(["fit", write(target)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_only_what_is_asked_for_is_read(folder):
    values, _ = recorded_values(Path("input.npz"), "current", "pA")
    assert values.shape == (2, 200)


def test_sweeps_of_spikes_can_be_chosen(folder, refused):
    np.savez("spikes.npz", a=[1.0], b=[2.0], c=[3.0])
    Path("spikes.csv").write_text("time,sweep\n1,0\n2,1\n3,2\n")
    for path, names in (("spikes.npz", ["a", "b", "c"]), ("spikes.csv", "time")):
        found = recorded_spikes(Path(path), names, "ms", 2, [2, 0])
        assert [float(one[0] / ms) for one in found] == pytest.approx([3, 1])
        with refused("sweep"):
            recorded_spikes(Path(path), names, "ms", 2, [2, 7])


def test_an_empty_file_is_refused_without_a_warning(folder, refused, recwarn):
    Path("empty.csv").touch()
    with refused("'empty.csv' cannot be read"):
        recorded_values(Path("empty.csv"), "v")
    assert not recwarn.list


def check_page(page: str, *said: str) -> None:
    for one in ("<table>", "simulated anew", *said):
        assert one in page
    assert "mathdefault" not in page  # text that only TeX shows
    assert not re.search(r"(src|href)=\"http", page)


def test_the_report_of_a_loss_shows_traces_spikes_and_losses(tmp_path):
    cell = NeuronGroup(1, "dv/dt = (-70*mV - v + R*I)/(15*ms) : volt\nI : amp", method="exact",
                       threshold="v > -50*mV", reset="v = -62*mV", namespace={"R": 300 * Mohm},
                       name="cell")  # fmt: skip
    cell.v = -70 * mV
    found = bb.fit(
        cell, input=np.outer([200, 300], np.ones(100)) * pA, drive="I", dt=0.5 * ms, record=["v"],
        loss=lambda traces, spikes: (spikes.sum(1) - torch.tensor([0, 2])).square().mean()
        + 1e3 * traces["v"].var(), learn={"R": (10 * Mohm, 500 * Mohm)}, starts=2, iterations=3,
    )  # fmt: skip
    page = found.report(tmp_path / "fit.html").read_text()
    check_page(page, "Fit of cell", "Sweep 2, v", "Spikes of neuron", "Losses of the starts")
