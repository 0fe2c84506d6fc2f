"""A sweep of a study ends with the same table, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from real_processes import refusal, until

CLIENT = Path(__file__).with_name("cluster_client.py")
SWEEP = (
    "study", "sweep", "digits_spike_count", "--seeds", "3", "--json",
    "--over", "training.learning_rate=1e-3,3e-3", "--over", "training.epochs=4,6",
)  # fmt: skip


def finished(folder):
    """Return when each trial was finished."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/summary.json")}


@pytest.mark.slow
def test_twelve_trials_survive_a_worker_and_the_scheduler(processes, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    alone = processes.start(CLIENT, *SWEEP, "--out", here)
    assert alone.communicate()[0].count('"seed"') == 12

    scheduler, address = processes.scheduler()
    nanny, _ = processes.worker(address), processes.worker(address)
    client = processes.start(CLIENT, *SWEEP, "--out", there, "--scheduler", address)
    until(lambda: len(finished(there)) > 1, "two finished trials")
    children = subprocess.run(
        ["pgrep", "-P", str(nanny.pid), "-f", "spawn_main"], capture_output=True, text=True
    )
    os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
    until(lambda: len(finished(there)) > 5, "six finished trials")
    os.killpg(scheduler.pid, signal.SIGKILL)
    assert f"scheduler '{address}' is lost" in refusal(client)

    before = finished(there)
    _, address = processes.scheduler()
    processes.worker(address), processes.worker(address)
    again = processes.start(CLIENT, *SWEEP, "--out", there, "--scheduler", address)
    _, err = again.communicate()
    assert again.returncode == 0, err
    after = finished(there)
    assert len(after) == 12
    assert {path: when for path, when in after.items() if path in before} == before
    assert (there / "trials.csv").read_bytes() == (here / "trials.csv").read_bytes()


@pytest.mark.slow
def test_a_trial_goes_on_from_the_checkpoint_of_a_killed_process(processes, tmp_path):
    """Its lock ends with the process, and the epochs that were trained are not trained again."""
    long = ("study", "sweep", "digits_spike_count", "--json", "--over", "training.epochs=60")
    client = processes.start(CLIENT, *long, "--out", tmp_path)
    (checkpoint,) = until(lambda: list(tmp_path.glob("trials/*/checkpoint.pt")), "a checkpoint")
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    from torch import load

    epochs = load(checkpoint, weights_only=True)["epoch"]
    assert 0 < epochs < 60
    again = processes.start(CLIENT, *long, "--out", tmp_path)
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert out.count('"seed"') == 1
    assert load(checkpoint, weights_only=True)["epoch"] == 60
