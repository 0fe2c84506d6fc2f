"""One process at a time writes into a folder."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from brianbridge.io.lock import only_writer

HOLD = """
import sys, time
from brianbridge.io.lock import only_writer
with only_writer(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Return a process that writes into the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_writer_is_refused_and_the_lock_of_a_dead_one_is_taken(holder, tmp_path, refused):
    with refused(f"process {holder.pid} is writing into '{tmp_path}'"), only_writer(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_writer(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_ends_with_its_block(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), only_writer(tmp_path):
            raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
