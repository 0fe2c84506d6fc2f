"""`brianbridge certify`: the numbers of a network by hand, and wrong uses in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.layers import Dense
from brianbridge.network import SpikingNetwork


@pytest.fixture
def command(tmp_path):
    """Return the command for two neurons, each of which has an input, and four samples."""
    net = SpikingNetwork.sequential(
        (2,), [Dense(2, bb.neuron_model("if"))], encoding=bb.Current(10), readout="counts"
    )
    net = net.with_weights({"input_to_output": (0.35 * np.eye(2), None)})
    bb.save_network(net, tmp_path / "pair.h5")
    # Both fire 3 and 0 times, 3 and 3 (a tie, which no bound tells apart), 3 and 1, 0 and 3.
    x = np.array([[1, 0], [1, 0.9], [1, 0.5], [0, 1]], dtype=np.float32)
    np.savez(tmp_path / "four.npz", x=x, y=np.array([0, 0, 1, 1]))
    return ["certify", str(tmp_path / "pair.h5"), "--data", str(tmp_path / "four.npz")]


def test_the_command_counts_certified_samples(command, tmp_path, capsys):
    file = tmp_path / "certificates.json"
    errors = ["--weight-error", "0.05", "--weight-error", "0.2", "--threshold-error", "0"]
    assert main([*command, *errors, "--out", str(file)]) == 0
    assert capsys.readouterr().out == (
        "4 samples of four.npz, 3 (75.00%) right without errors\n"
        "weights within  thresholds within   certified  right and certified\n"
        "           5 %                0 %  3 (75.00%)           2 (50.00%)\n"
        "          20 %                0 %  2 (50.00%)           2 (50.00%)\n"
    )
    assert main([*command, *errors, "--json"]) == 0
    printed, kept = json.loads(capsys.readouterr().out), json.loads(file.read_text())
    assert (kept["samples"], kept["right"]) == (4, 3)
    assert printed["errors"] == kept["errors"]
    assert [row["certified"] for row in kept["errors"]] == [3, 2]


def test_errors_of_weights_and_thresholds_belong_together_in_order(command, capsys):
    errors = ["--weight-error", "0.1", "--weight-error", "0.2"]
    errors += ["--threshold-error", "0.3", "--threshold-error", "0.4"]
    assert main([*command, *errors, "--samples", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["errors"]
    assert [(row["weight_error"], row["threshold_error"]) for row in rows] == [
        (0.1, 0.3),
        (0.2, 0.4),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --weight-error, --threshold-error or both"),
        (["--weight-error", "1"], "--weight-error 1; give 0 to less than 1"),
        (["--threshold-error", "-0.1"], "--threshold-error -0.1; give 0 to less than 1"),
        (["--weight-error", "nan"], "--weight-error nan; give 0 to less than 1"),
        (["--weight-error", "much"], "invalid float value: 'much'"),
        (["--weight-error", "0.1", "--samples", "0"], "--samples 0; give at least 1"),
        (
            [*["--weight-error", "0.1"] * 2, *["--threshold-error", "0.1"] * 3],
            "2 times --weight-error and 3 times --threshold-error",
        ),
        (["--weight-error", "0.1", "--out", "."], "."),
    ],
)
def test_wrong_options_are_refused_in_a_line(options, message, command, capsys):
    assert main([*command, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err


def test_a_network_without_bounds_is_refused(tmp_path, capsys):
    layers = [Dense(3, bb.neuron_model("lif"))]
    net = SpikingNetwork.sequential((4,), layers, encoding=bb.Current(5))
    bb.save_network(net, tmp_path / "leaky.h5")
    command = ["certify", str(tmp_path / "leaky.h5"), "--data", "iris", "--weight-error", "0.1"]
    assert main(command) == 2
    assert "neurons 'lif' of population 'output'" in capsys.readouterr().err
