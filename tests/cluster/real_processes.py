"""Start schedulers, workers and clients as new processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).parents[2]
#: Seconds to wait for anything, even on a busy machine.
LONG = 240

LADDER = """
[[rung]]
name = "parity"
max_spike_mismatches = 0

[[rung]]
name = "noise"
repeats = 2
perturb.membrane_noise = { sigma = 0.2, tau = "10 ms" }
"""


def until(happened, what):
    """Wait until a function returns something."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {LONG} s")


class Processes:
    """Start processes, and kill them with their children at the end."""

    def __init__(self, folder):
        self.folder, self._started = folder, []

    def start(self, *arguments, path=None, out=None, **environment):
        """Start Python in a new process group, with a package folder first on its path."""
        known = {**os.environ, "PYTHONPATH": str(path or ROOT), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder, env={**known, **environment}, text=True, start_new_session=True,
            stdout=subprocess.PIPE if out is None else out,
            stderr=subprocess.PIPE if out is None else out,
        )  # fmt: skip
        self._started.append(process)
        return process

    def scheduler(self):
        """Start a scheduler; return its process and address."""
        file = self.folder / f"scheduler-{uuid4().hex}.json"
        process = self.start(
            "-m", "distributed.cli.dask_scheduler", "--port", "0", "--host", "127.0.0.1",
            "--no-dashboard", "--scheduler-file", file, out=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: file.exists() and file.read_text().endswith("}"), "a scheduler")
        return process, json.loads(file.read_text())["address"]

    def worker(self, address, threads=1, **options):
        """Start a worker with its nanny."""
        return self.start(
            "-m", "distributed.cli.dask_worker", address, "--nworkers", "1", "--nthreads", threads,
            "--no-dashboard", out=subprocess.DEVNULL, **options,
        )  # fmt: skip

    def client(self, *options, **environment):
        """Start `cluster_client.py`, which verifies the network and prints the verdict as JSON."""
        return self.start(
            Path(__file__).with_name("cluster_client.py"), "verify", self.folder / "network.h5",
            "--data", "wide", "--ladder", self.folder / "ladder.toml", "--json", *options,
            **environment,
        )  # fmt: skip

    def end(self):
        """Kill all processes that still run."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def told(client):
    """Return the verdict of a client, without time and date."""
    out, err = client.communicate(timeout=LONG)
    assert client.returncode == 0, err
    found = json.loads(out)
    del found["provenance"]
    for rung in found["rungs"]:
        del rung["seconds"]
    return found


def refusal(client):
    """Return the error of a client: one line, after lines about its progress."""
    out, err = client.communicate(timeout=LONG)
    assert (client.returncode, out) == (2, ""), err
    last = err.splitlines()[-1]
    assert last.startswith("brianbridge: ")
    assert err.count("brianbridge: ") == 1, err
    assert "Traceback" not in err
    assert "distributed" not in err, err
    return last
