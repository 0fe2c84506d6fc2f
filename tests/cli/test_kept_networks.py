"""Trained networks are found by their names."""

from pathlib import Path

import pytest

from brianbridge.cli import main


def test_a_trained_network_is_inspected_by_its_name(capsys):
    assert main(["inspect", "digits_spike_count"]) == 0
    assert "digits_spike_count" in capsys.readouterr().out


def test_a_file_comes_before_the_network_of_that_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("digits_spike_count").write_text("mine")
    assert main(["inspect", "digits_spike_count"]) == 2
    assert "digits_spike_count" in capsys.readouterr().err


READ_A_NETWORK = [
    ["inspect"],
    ["verify", "--data", "digits"],
    ["certify", "--data", "digits", "--weight-error", "0.01"],
    ["sensitivity", "--data", "digits"],
    ["convert", "network.nir"],
]


def test_every_command_that_reads_a_network_takes_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["convert", "digits_spike_count", "network.nir"]) == 0
    assert Path("network.nir").is_file()
    certify = ["certify", "digits_spike_count", "--data", "digits", "--samples", "2"]
    assert main([*certify, "--weight-error", "0.01", "--out", "found.json"]) == 0
    assert '"digits_spike_count.h5"' in Path("found.json").read_text()


@pytest.mark.parametrize("command", READ_A_NETWORK, ids=lambda command: command[0])
def test_a_name_that_is_neither_gets_a_hint(command, capsys):
    assert main([command[0], "digits_spike_cuont", *command[1:]]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "Did you mean 'digits_spike_count'?" in err
