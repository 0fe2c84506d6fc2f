"""``bench parity`` compares every spike, covers what it says, and finds what differs."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from brianbridge.bench.parity import check as checking
from brianbridge.bench.parity import run
from brianbridge.bench.parity.case import ENCODINGS, EXTRA, FORWARD
from brianbridge.bench.parity.check import check, differing_cells
from brianbridge.bench.parity.draw import _case, draw
from brianbridge.bench.parity.neurons import DYADIC_MODELS, MODELS
from brianbridge.bench.parity.run import bench_parity
from brianbridge.cli import main
from brianbridge.encoding import Frames
from brianbridge.io.networks.file import load_network
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events

#: Small networks of seed 1.
SMALL = 17


def on_the_threshold():
    """Return a network whose membrane lands exactly on its threshold."""
    network = SpikingNetwork(
        (4, 1), Frames(4), (Population("output", (1,), neuron_model("if")),),
        (Projection("input", "output", np.array([[0.5]])),),
    )  # fmt: skip
    x = np.ones((2, 4, 1))
    return replace(draw(1, SMALL), number=0, network=network, x=x, finer=1, reference=True)


@pytest.fixture
def off_by_one_ulp(monkeypatch):
    """Change the twin's weights by one unit in the last place, and draw the network above."""
    real = checking.to_torch

    def to_torch(network, **options):
        twin = real(network, **options)
        for part in twin.projections.values():
            part.weight.data = torch.nextafter(part.weight.data, torch.zeros_like(part.weight))
        return twin

    monkeypatch.setattr(checking, "to_torch", to_torch)
    monkeypatch.setattr(run, "draw", lambda *_: on_the_threshold())


def test_a_membrane_on_its_threshold_fires_on_every_path():
    checked = check(on_the_threshold())
    assert checked.spikes == {"output": 4}
    assert checked.differences == []
    assert set(checked.compared) == {"batched", "reference"}


@pytest.mark.usefixtures("off_by_one_ulp")
def test_one_ulp_in_a_weight_is_found_told_and_kept(tmp_path, capsys):
    command = ["bench", "parity", "--seed", "1", "--only", "0", "--out", str(tmp_path)]
    assert main(command) == 1
    assert "differs from twin" in capsys.readouterr().err
    result = json.loads((tmp_path / "parity.json").read_text())
    assert result["differing"] > 0
    first = result["failures"][0]["differences"][0]
    assert (first["step"], first["neuron"], first["values"]) == (1, 0, [1.0, 0.0])
    assert first["state"]["v"][0] == 0
    assert result["failures"][0]["reproduce"] in (tmp_path / "parity.md").read_text()
    kept = load_network(tmp_path / "parity-1-0.h5")
    assert kept.provenance["parity"]["reproduce"].endswith("--seed 1 --only 0")
    assert np.load(tmp_path / "parity-1-0-samples.npy").shape == (2, 4, 1)


def test_the_command_compares_and_says_what(tmp_path, capsys):
    assert main(["bench", "parity", "--only", str(SMALL), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "1 networks" in said.err
    assert "| **differing spikes** | 0 |" in said.out
    result = json.loads((tmp_path / "parity.json").read_text())
    assert (result["networks"], result["interrupted"]) == (1, False)
    assert result["spikes"] > 0
    assert result["paths"]["reference"]["neuron_steps"] == result["neuron_steps"]
    assert sum(found["networks"] for found in result["by"]["schedule"].values()) == 1


def test_ctrl_c_prints_and_writes_what_was_compared(tmp_path, capsys, monkeypatch):
    real = run.check

    def check(drawn):
        if drawn.number > 0:
            signal.raise_signal(signal.SIGINT)
        return real(drawn)

    monkeypatch.setattr(run, "check", check)
    monkeypatch.setattr(run, "draw", lambda *given: replace(draw(1, SMALL), number=given[1]))
    assert main(["bench", "parity", "--seconds", "60", "--out", str(tmp_path)]) == 130
    said = capsys.readouterr()
    assert "Ended early" in said.out
    assert said.err.splitlines()[-1] == "brianbridge: interrupted"
    result = json.loads((tmp_path / "parity.json").read_text())
    assert (result["interrupted"], result["networks"]) == (True, 1)
    assert "Ended early" in (tmp_path / "parity.md").read_text()


@pytest.mark.parametrize(
    "option", [["--seconds", "0"], ["--neuron-steps", "nan"], ["--only", "-1"], ["--seed", "-1"]]
)
def test_options_that_make_no_sense_are_refused(option, capsys):
    assert main(["bench", "parity", *option]) == 2
    assert option[0] in capsys.readouterr().err


def test_something_must_say_when_to_stop(refused):
    with refused("never end"):
        bench_parity(seconds=None)


def test_a_cell_differs_by_its_value_its_place_and_how_often_it_fires():
    def events(*spikes):
        columns = np.array(spikes).reshape(-1, 4).T
        return Events(*columns[:3].astype(int), columns[3], 1e-3)

    one = events((0, 1, 2, 1.0), (1, 0, 0, 2.0))
    assert differing_cells(one, one, 2, 3).tolist() == []
    assert differing_cells(one, events((1, 0, 0, 2.0), (0, 1, 2, 1.0)), 2, 3).tolist() == []
    assert differing_cells(one, events((0, 1, 2, 1.0), (1, 0, 0, 1.0)), 2, 3).tolist() == [3]
    assert differing_cells(one, events((0, 1, 2, 1.0)), 2, 3).tolist() == [3]
    twice = events((0, 1, 2, 1.0), (0, 1, 2, 1.0), (1, 0, 0, 2.0))
    assert differing_cells(one, twice, 2, 3).tolist() == [13]


def test_everything_is_drawn():
    cases = [_case(number, np.random.default_rng((1, number))) for number in range(200)]
    assert {case.model for case in cases} == {*MODELS, *DYADIC_MODELS}
    assert {case.encoding for case in cases} == set(ENCODINGS)
    assert {case.readout for case in cases} == {"counts", "potential", "first_spike"}
    assert {case.schedule for case in cases} == {"canonical", "default"}
    assert {kind for case in cases for kind in case.forward} == set(FORWARD)
    assert {kind for case in cases for kind in case.extra} == set(EXTRA)
    for switch in ("dyadic", "large", "delays", "bias", "per_neuron"):
        assert {getattr(case, switch) for case in cases} == {False, True}


def test_a_network_is_the_same_whenever_it_is_drawn():
    one, other = draw(1, SMALL), draw(1, SMALL)
    assert one.network.to_dict() == other.network.to_dict()
    assert np.array_equal(one.x, other.x)
    for p, q in zip(one.network.projections, other.network.projections, strict=True):
        assert np.array_equal(p.weight, q.weight)
