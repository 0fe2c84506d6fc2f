"""Sensitivity at the command line, as a figure, and in the report."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

import brianbridge as bb
from brianbridge import plots
from brianbridge.cli import main
from brianbridge.network import SpikingNetwork
from brianbridge.report import write_report
from brianbridge.sensitivities import Estimate, Row, Sensitivity


@pytest.fixture
def iris(tmp_path):
    layers = [bb.layers.Dense(n, bb.neuron_model("lif")) for n in (8, 3)]
    net = SpikingNetwork.sequential((4,), layers, encoding=bb.Current(20), weight_gain=6.0)
    bb.save_network(net, tmp_path / "iris.h5")
    return tmp_path / "iris.h5"


def row(parameter, gradient, brian2, **more):
    defaults = {
        "outcome": "loss", "owner": "hidden", "parameter": parameter, "value": "1",
        "per": "value", "step": 0.02, "changed": 3, "agree": True,
    }  # fmt: skip
    return Row(**{**defaults, "gradient": gradient, "brian2": brian2, **more})


def result(*rows):
    return Sensitivity({"loss": 0.5}, 10, rows, 0, {}, {})


def test_the_command_prints_a_table_and_writes_json(iris, tmp_path, capsys):
    file = tmp_path / "found.json"
    command = ["sensitivity", str(iris), "--data", "iris", "--of", "counts", "--samples", "20"]
    assert main([*command, "--out", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "Sensitivity of spikes of hidden" in out
    assert "8 simulations of 20 samples" in err
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())


def test_the_command_refuses_in_a_line_before_any_work(iris, tmp_path, capsys):
    assert main(["sensitivity", str(iris), "--data", "iris", "--of", "losss"]) == 2
    assert capsys.readouterr().err == (
        "brianbridge: of = 'losss' is no outcome. Did you mean 'loss'?\n"
    )
    (tmp_path / "file").touch()
    out = str(tmp_path / "file" / "found.json")
    assert main(["sensitivity", str(iris), "--data", "iris", "--out", out]) == 2
    assert "to do" not in capsys.readouterr().err


def test_the_figure_draws_both_numbers_and_their_errors():
    found = result(
        row("tau", Estimate(0.5, 0.1), Estimate(0.4, 0.05)),
        row("refractory", None, Estimate(-1.0, None)),
    )
    ax = plots.plot_sensitivity(found, ax=Figure().subplots())
    brian2, gradient = ax.containers
    assert list(brian2.lines[0].get_xdata()) == [0.4, -1.0]
    assert list(gradient.lines[0].get_xdata()) == [0.5]
    (bar, *_) = gradient.lines[2][0].get_segments()
    np.testing.assert_allclose(np.float64(bar)[:, 0], [0.3, 0.7])
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "hidden\ntau", "hidden\nrefractory",
    ]  # fmt: skip


def test_an_outcome_that_was_not_asked_for_is_refused(refused):
    with refused("Did you mean 'loss'?"):
        plots.plot_sensitivity(result(row("tau", None, None)), "los", ax=Figure().subplots())


def test_marks_and_zero_values_are_explained():
    far = row("tau", Estimate(0.5, 0.0), Estimate(0.1, 0.0), agree=False)
    still = row("theta", Estimate(0.5, 0.1), Estimate(0.0, None), agree=None, changed=0)
    wild = row("b", Estimate(5e4, 4e4), Estimate(0.1, 0.1), agree=None, per="10 mV", value="0 V")
    found = result(far, still, wild)
    assert [one.mark for one in found.rows] == ["differ", "unchanged", "noisy"]
    for said in ("differ: ", "unchanged: ", "noisy: ", "hidden.b is 0: per % of its unit, 10 mV"):
        assert said in str(found)
        assert said in found._repr_html_()


def test_the_report_has_a_section_if_there_is_a_result(tmp_path):
    layers = [bb.layers.Dense(n, bb.neuron_model("lif")) for n in (8, 3)]
    net = SpikingNetwork.sequential((4,), layers, encoding=bb.Current(20), weight_gain=6.0)
    data = bb.from_arrays("mine", np.random.default_rng(0).random((10, 4)), np.arange(10) % 3)
    verdict = bb.verify(net, data, (bb.Rung(name="parity"),))
    found = bb.sensitivity(net, data, of=["loss", "counts"], step=0.1)
    page = write_report(verdict, tmp_path / "with.html", sensitivity=found).read_text()
    assert 'href="#sensitivity"' in page
    assert page.count("Sensitivity of loss, in % per % of a parameter") == 1
    assert str(found.rows[0].brian2) in page
    without = write_report(verdict, tmp_path / "without.html").read_text()
    assert "sensitivity" not in without.lower()
