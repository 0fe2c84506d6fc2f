"""A verdict does not depend on the workers, and a client never waits for ever."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess

import pytest
from real_processes import ROOT, refusal, told, until

from brianbridge.sweep.worker import differences, facts, resource_of


def test_a_cold_worker_of_four_threads_says_what_one_process_says(processes, expected):
    _, address = processes.scheduler()
    processes.worker(address, threads=4)
    assert told(processes.client("--scheduler", address)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("threads", [(1,), (4,), (1, 4)])
def test_cold_workers_say_the_same_three_times(threads, processes, expected):
    _, address = processes.scheduler()
    for number in threads:
        processes.worker(address, threads=number)
    for _ in range(3):
        assert told(processes.client("--scheduler", address)) == expected


@pytest.mark.slow
def test_processes_that_are_started_here_say_the_same_three_times(processes, expected):
    for _ in range(3):
        assert told(processes.client("--workers", "2")) == expected


def other_package(tmp_path):
    """Return a folder with a brianbridge of another version."""
    shutil.copytree(ROOT / "brianbridge", tmp_path / "brianbridge")
    file = tmp_path / "brianbridge" / "version.py"
    file.write_text(re.sub(r'__version__ = ".*"', '__version__ = "9.9"', file.read_text()))
    return tmp_path


def test_a_worker_with_another_version_is_named(processes, tmp_path):
    _, address = processes.scheduler()
    processes.worker(address, path=other_package(tmp_path))
    said = refusal(processes.client("--scheduler", address))
    assert re.search(r"worker 'tcp://[\d.:]+' cannot be used", said)
    assert "brianbridge 9.9 there, " in said
    assert "source" in said


@pytest.mark.slow
def test_a_worker_with_another_version_that_joins_later_gets_no_task(processes, tmp_path, expected):
    other = other_package(tmp_path)
    _, address = processes.scheduler()
    client = processes.client("--scheduler", address, "--out", tmp_path / "out")
    processes.worker(address)
    until(lambda: list((tmp_path / "out" / "unfinished").glob("*.json.gz")), "a finished task")
    processes.worker(address, path=other, threads=4)
    assert told(client) == expected


@pytest.mark.slow
def test_a_worker_without_the_package_is_told(processes, tmp_path):
    # Python runs this file when it starts, after the paths of installed packages are known.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "sys.path = [p for p in sys.path if not os.path.isfile(p + '/brianbridge/__init__.py')]\n"
    )
    _, address = processes.scheduler()
    processes.worker(address, path=tmp_path)
    assert "brianbridge is not installed there" in refusal(processes.client("--scheduler", address))


def test_a_scheduler_without_workers_is_told(processes):
    _, address = processes.scheduler()
    said = refusal(processes.client("--scheduler", address, PATIENCE="3"))
    assert f"no worker of scheduler '{address}'" in said


def test_a_scheduler_that_is_killed_is_told(processes):
    scheduler, address = processes.scheduler()
    client = processes.client("--scheduler", address, PATIENCE="5")
    assert any("preparing workers" in line for line in client.stderr)
    os.killpg(scheduler.pid, signal.SIGKILL)
    assert f"scheduler '{address}' is lost" in refusal(client)


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_is_survived(processes, expected, folder, tmp_path):
    """There is no other worker: its tasks wait until its nanny starts a new one."""
    _, address = processes.scheduler()
    nanny = processes.worker(address)
    client = processes.client("--scheduler", address, "--out", tmp_path)
    kept = until(lambda: list((tmp_path / "unfinished").glob("*.json.gz")), "a finished task")
    assert kept
    children = subprocess.run(
        ["pgrep", "-P", str(nanny.pid), "-f", "spawn_main"], capture_output=True, text=True
    )
    os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
    assert told(client) == expected


@pytest.mark.slow
def test_all_workers_lost_is_told(processes, tmp_path):
    _, address = processes.scheduler()
    worker = processes.worker(address)
    client = processes.client("--scheduler", address, "--out", tmp_path, PATIENCE="25")
    until(lambda: list((tmp_path / "unfinished").glob("*.json.gz")), "a finished task")
    os.killpg(worker.pid, signal.SIGKILL)
    assert f"no worker of scheduler '{address}'" in refusal(client)


@pytest.mark.slow
def test_a_client_that_is_killed_goes_on(processes, expected, tmp_path):
    _, address = processes.scheduler()
    processes.worker(address, threads=4)
    client = processes.client("--scheduler", address, "--out", tmp_path)
    until(lambda: list((tmp_path / "unfinished").glob("*.json.gz")), "a finished task")
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    assert told(processes.client("--scheduler", address, "--out", tmp_path)) == expected
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []


def test_certificates_that_are_missing_are_asked_for(refused):
    from brianbridge.sweep import connected

    with (
        refused("scheduler 'tls://127.0.0.1:9'", "distributed.comm.tls.ca-file"),
        connected(scheduler="tls://127.0.0.1:9"),
    ):
        pass


def test_what_differs_is_named_and_part_of_a_resource():
    ours = facts()
    assert differences(ours, ours) == ""
    theirs = {**ours, "NumPy": "1.0", "source": "0" * 64}
    assert differences(theirs, ours) == (
        f"source 000000000000 there, {ours['source'][:12]} here; "
        f"NumPy 1.0 there, {ours['NumPy']} here"
    )
    assert resource_of(theirs) != resource_of(ours)
    assert "not installed" in differences({**ours, "brianbridge": "missing"}, ours)
