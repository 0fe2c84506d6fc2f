"""Several processes train one network: the weights are those of one process, to rounding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from trained_together import CASES, COUNTED, trained, twin_of

from brianbridge.errors import InputError, ProcessEnded
from brianbridge.io.networks.file import load_network
from brianbridge.rules import learning_rule, rule_names
from brianbridge.study import read_study, train_study
from brianbridge.study.data import load_split
from brianbridge.training import processes
from brianbridge.training.average_gradients import average_gradients
from brianbridge.twin import part as part_module
from brianbridge.twin.part import Part

PROGRAM = Path(__file__).with_name("trained_together.py")
STUDY = """
title = "Iris, small"
seed  = 2
[dataset]
name = "iris"
[network]
encoding = { kind = "bernoulli", steps = 8, dt = "1 ms" }
readout  = "potential"
[[network.layers]]
units  = 8
neuron = "if"
[[network.layers]]
units  = 3
neuron = "if"
[rule]
name = "surrogate_gradient"
[training]
epochs     = 4
batch_size = 16
dropout    = 0.2
[verification]
samples = 10
"""


def torchrun(*arguments: str | Path, number: int = 2) -> subprocess.CompletedProcess[str]:
    """Run a program in several processes; arguments are those of torchrun after its options."""
    options = ["--standalone", "--nproc-per-node", str(number)]
    command = [sys.executable, "-m", "torch.distributed.run", *options, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """Train every case by two processes."""
    out = tmp_path_factory.mktemp("together")
    ran = torchrun(PROGRAM, "all", out)
    assert ran.returncode == 0, ran.stderr[-4000:]
    return out


@pytest.fixture
def study(tmp_path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    return path


def test_every_rule_is_among_the_cases():
    assert {learning_rule(case.rule).name for case in CASES.values()} == set(rule_names())


@pytest.mark.parametrize("name", CASES)
def test_two_processes_end_with_the_weights_of_one(together, name):
    case, first = CASES[name], np.load(together / f"{name} 0.npz")
    alone, second = trained(case), np.load(together / f"{name} 1.npz")
    assert sorted(first) == sorted(alone)
    for key, values in alone.items():
        # Rules measure in 32-bit floats.
        tolerance = max(case.tolerance, 1e-7) if key.startswith("curve") else case.tolerance
        np.testing.assert_allclose(first[key], values, 0, tolerance, err_msg=key)
        assert np.array_equal(first[key], second[key], equal_nan=True), key
    start = {name: values.numpy() for name, values in twin_of(case).state_dict().items()}
    moved = [key for key in start if not np.allclose(start[key], alone[key], 0, 1e-3)]
    assert moved, "without a change of weights this test says nothing"


def test_each_may_train_by_itself(together):
    alone = trained(COUNTED)
    for rank in range(2):
        found = np.load(together / f"alone {rank}.npz")
        assert all(np.array_equal(found[key], values) for key, values in alone.items())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("batch", "batch_size = 1 for 2 processes; give at least one sample to each"),
        ("data", "process 1 has other data, network, weights, rule, seed or options"),
    ],
)
def test_what_they_cannot_share_is_refused_by_all(together, name, message):
    for rank in range(2):
        assert message in (together / f"{name} {rank}.txt").read_text()


def test_killed_and_resumed_by_another_number_of_processes(study, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    ran = torchrun(PROGRAM, "killed", study, killed)
    assert ran.returncode != 0
    said = [line for line in ran.stderr.splitlines() if line.startswith("brianbridge: ")]
    assert len(said) == 1, ran.stderr
    assert "another" in said[0]
    assert not (killed / "network.h5").exists()
    checkpoint = torch.load(killed / "checkpoint.pt", weights_only=True)
    assert checkpoint["epoch"] == 2
    described = read_study(str(study))
    split = load_split(described)
    resumed, expected = (train_study(described, out, split) for out in (killed, whole))
    same_weights(resumed, expected, 1e-5)


def same_weights(network, expected, tolerance):
    for one, other in zip(network.projections, expected.projections, strict=True):
        np.testing.assert_allclose(one.weight, other.weight, 0, tolerance)


@pytest.mark.slow
def test_a_study_by_two_processes_is_killed_resumed_and_verified(study, tmp_path):
    killed, whole, single = (tmp_path / name for name in ("killed", "whole", "single"))
    torchrun(PROGRAM, "killed", study, killed)
    outs = (killed, whole)
    ran = [torchrun("-m", "brianbridge", "study", "run", study, "--out", out) for out in outs]
    networks = [load_network(out / "network.h5") for out in outs]
    # To the last bit: all that is random depends on seed, epoch and row.
    same_weights(*networks, tolerance=0)
    described = read_study(str(study))
    same_weights(networks[0], train_study(described, single, load_split(described)), 1e-5)
    assert networks[0].provenance["processes"] == 2
    for one, out in zip(ran, outs, strict=True):
        assert one.returncode == 0, "torchrun takes others for a crash"
        assert one.stdout.count("training on") == 1, "only the first process prints"
        assert json.loads((out / "summary.json").read_text())["outcome"]
        assert (out / "verdict.json").exists()


# ---------------------------------------------------------------------- parts


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_every_row_counts_in_one_process(number, batch):
    parts = [Part(rank, number, batch) for rank in range(number)]
    counted = [row for part in parts if part.counted for row in part.numbers]
    assert counted == list(range(batch))
    assert sum(part.weight for part in parts) == pytest.approx(1)
    assert all(len(part.numbers) >= 1 for part in parts)


def test_a_parameter_without_a_gradient_keeps_none(monkeypatch):
    monkeypatch.setattr("brianbridge.training.average_gradients.add_over_processes", lambda _: None)
    idle, used = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    used.grad = torch.full((3,), 4.0)
    average_gradients([idle, used], Part(0, 2, 4))
    assert idle.grad is None
    assert used.grad.tolist() == [2.0, 2.0, 2.0]  # half of the batch is here


def test_an_infinite_gradient_of_a_stand_in_does_not_count(monkeypatch):
    monkeypatch.setattr("brianbridge.training.average_gradients.add_over_processes", lambda _: None)
    values = torch.nn.Parameter(torch.ones(2))
    values.grad = torch.full((2,), float("nan"))
    average_gradients([values], Part(0, 2, 1))
    assert values.grad.tolist() == [0.0, 0.0]


def test_a_lost_process_is_reported_in_plain_words(monkeypatch):
    def closed(values):
        raise RuntimeError("[pair.cc:553] Connection closed by peer\nmore")

    monkeypatch.setattr(part_module.dist, "all_reduce", closed)
    with pytest.raises(ProcessEnded, match=r"another process ended.*\(Connection closed by peer\)"):
        part_module.add_over_processes(torch.zeros(1))


def test_a_group_that_cannot_sum_on_the_device_is_refused(monkeypatch):
    def refuse(values):
        raise RuntimeError("No backend type associated with device type cpu")

    monkeypatch.setattr(processes.dist, "all_reduce", refuse)
    monkeypatch.setattr(processes.dist, "get_backend", lambda: "nccl")
    with pytest.raises(InputError, match=r"'nccl'\) cannot sum tensors on 'cpu'.*'gloo'"):
        processes._check_device(torch.device("cpu"))
