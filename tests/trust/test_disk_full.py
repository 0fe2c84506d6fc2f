"""A disk that is really full, and a process that may write no large file, by the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from brianbridge.encoding import Current
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and ulimit")

# The numbers of a network are random, so that they cannot be compressed.
SAVE = """
import sys, numpy as np
from brianbridge.cli import main
import brianbridge.cli, brianbridge as bb
from brianbridge.encoding import Current
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
network = SpikingNetwork.sequential(
    (400,), [Dense(1000, neuron_model("lif"))], encoding=Current(steps=10))
weight = np.random.default_rng(0).normal(size=(1000, 400)).astype(np.float32)
network = network.with_weights({network.projections[0].name: (weight, None)})
try:
    bb.save_network(network, sys.argv[1])
except bb.InputError as error:
    print(f"brianbridge: {error}", file=sys.stderr)
    sys.exit(2)
"""
# Spikes at random, of which some 20 MB are appended; each batch is tried once.
SPIKES = """
import sys, numpy as np
import brianbridge as bb
from brianbridge.recording import Events, Recording
def batch(seed):
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, (10, 1000, 100), (20_000, 3)).T
    events = Events(*columns, np.ones(20_000), 1e-3)
    return Recording(1e-3, 100, 10, {"a": (1000,)}, {"a": events}, np.zeros((10, 1)))
try:
    plain = bool(sys.argv[3:])
    run = {"shapes": {"a": (1000,)}, "dt": 1e-3, "steps": 100, "compress": not plain}
    with bb.io.SpikeFileWriter(sys.argv[1], **run) as spikes:
        for seed in range(int(sys.argv[2])):
            spikes.append(batch(seed))
except bb.InputError as error:
    print(f"brianbridge: {error}", file=sys.stderr)
    sys.exit(2)
"""


def run(command: list[str], limit_kb: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python; with a limit, no file may be larger."""
    shell = f"ulimit -f {limit_kb}; " if limit_kb else ""
    return subprocess.run(
        ["bash", "-c", f'{shell}exec "$@"', "-", sys.executable, *command],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 700 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def one_error(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line about an error, which follows all lines of progress."""
    told = [line for line in done.stderr.splitlines() if line.startswith("brianbridge: ")]
    assert len(told) == 1, done.stderr
    assert done.stderr.endswith(f"{told[0]}\n")
    assert "Traceback" not in done.stderr
    return told[0]


def check_refused(done: subprocess.CompletedProcess[str], folder: Path, message: str) -> None:
    assert done.returncode == 2, done.stderr
    told = one_error(done)
    assert told.startswith("brianbridge: '")
    assert message in told
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def earlier_network(folder: Path) -> tuple[Path, bytes]:
    network = SpikingNetwork.sequential(
        (4,), [Dense(3, neuron_model("lif"))], encoding=Current(steps=10)
    )
    save_network(network, folder / "network.h5")
    return folder / "network.h5", (folder / "network.h5").read_bytes()


FULL = "(No space left on device): it takes up to"
LIMIT = "this process may write files of 307 kB (ulimit -f)"


def test_save_onto_a_full_disk(small_disk: Path) -> None:
    path, earlier = earlier_network(small_disk)
    check_refused(run(["-c", SAVE, str(path)]), small_disk, FULL)
    assert path.read_bytes() == earlier
    load_network(path)


def test_save_beyond_a_limit(tmp_path: Path) -> None:
    path, earlier = earlier_network(tmp_path)
    check_refused(run(["-c", SAVE, str(path)], limit_kb=300), tmp_path, LIMIT)
    assert path.read_bytes() == earlier


def test_spikes_onto_a_full_disk(small_disk: Path) -> None:
    path, earlier = earlier_network(small_disk)
    done = run(["-c", SPIKES, str(small_disk / "spikes.h5"), "40"])
    check_refused(done, small_disk, FULL)
    assert path.read_bytes() == earlier
    assert [p.name for p in small_disk.iterdir()] == ["network.h5"]


def test_spikes_beyond_a_limit(tmp_path: Path) -> None:
    check_refused(
        run(["-c", SPIKES, str(tmp_path / "spikes.h5"), "40"], limit_kb=300), tmp_path, LIMIT
    )


def test_spikes_that_fit_but_not_twice(small_disk: Path) -> None:
    """The last step fails; the spikes are kept where the message says."""
    import brianbridge as bb

    done = run(["-c", SPIKES, str(small_disk / "spikes.h5"), "1", "plain"])
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    partial = small_disk / ".spikes.h5.part"
    assert f"the spikes are kept in '{partial}'" in done.stderr
    assert [p.name for p in small_disk.iterdir()] == [partial.name]
    assert bb.read_spikes(partial).populations["a"].spikes == 20_000


def words(command: str, folder: Path, out: Path) -> list[str]:
    """Return a command that writes several files, of which the first takes more than 8 kB."""
    if command == "train":
        return ["-m", "brianbridge", "train", "iris_spike_count", "--out", str(out)]
    path, _ = earlier_network(folder)
    return ["-m", "brianbridge", "verify", str(path), "--data", "iris", "--out", str(out)]


@pytest.mark.parametrize("command", ["verify", "train"])
def test_the_command_line_beyond_a_limit(tmp_path: Path, command: str) -> None:
    done = run(words(command, tmp_path, tmp_path / "out"), limit_kb=1)
    assert done.returncode == 2
    assert "File too large" in one_error(done)
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["verify", "train"])
def test_the_command_line_onto_a_full_disk(tmp_path: Path, small_disk: Path, command: str) -> None:
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    out = small_disk / "out"
    os.truncate(filler, filler.stat().st_size - 4 * 4096)
    done = run(words(command, tmp_path, out))
    check_refused(done, small_disk, "(No space left on device)")
    # Spikes that are whole, of which only no second copy fits, are kept, and it is said where.
    assert all(str(part) in done.stderr for part in small_disk.rglob("*.part"))
    filler.unlink()  # with room, the same command goes on and ends as it should
    assert run(words(command, tmp_path, out)).returncode in (0, 1, 3)
    assert not list(small_disk.rglob("*.part"))
