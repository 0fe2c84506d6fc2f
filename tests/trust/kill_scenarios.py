"""Commands that are killed by `kills`, with their inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["INPUTS", "SCENARIOS", "Scenario"]

STUDY = """
title = "Kill me"
[dataset]
name = "digits"
[network]
encoding = { kind = "current", steps = 8, dt = "1 ms" }
[[network.layers]]
units = 40
neuron = "lif"
[[network.layers]]
units = 10
neuron = "lif"
[rule]
name = "spike_count"
[training]
epochs = 6
batch_size = 64
validation_fraction = 0.1
"""
LADDER = """
[[rung]]
name = "parity"
[[rung]]
name = "dt/10"
perturb.finer_dt = { divisor = 10 }
[[rung]]
name = "noise"
repeats = 2
perturb.membrane_noise = { sigma = 0.1 }
"""
REMEDIES = """
[[rung]]
name = "dt/10"
perturb.finer_dt = { divisor = 10 }
remedy.calibrate = { samples = 100 }
remedy.fine_tune = { samples = 300, epochs = 2 }
"""
# Both replace an earlier file, which is there from the beginning.
EARLIER = """
import os, shutil, sys
from pathlib import Path
name = sys.argv[3]
if not (Path(sys.argv[2]) / name).exists():
    shutil.copy(Path(sys.argv[1]).with_name(name), Path(sys.argv[2]) / "copy")
    os.replace(Path(sys.argv[2]) / "copy", Path(sys.argv[2]) / name)
"""
DUMP = """
import sys
import numpy as np
import brianbridge as bb
from brianbridge.io.spikes import writer
from brianbridge.io.spikes.file import SpikeFileWriter
writer.SHORT_LOG = 1 << 16  # so that the log is replaced often
network = bb.load_network(sys.argv[1])
x = np.random.default_rng(0).random((3000, 64))
shapes = {p.name: p.shape for p in network.firing}
with SpikeFileWriter(sys.argv[2] + "/spikes.h5", shapes, network.dt, network.steps) as spikes:
    bb.simulate(network, x, backend=bb.Backend(batch_size=100), on_chunk=spikes.append, keep=False)
"""
SAVE = """
import sys
import brianbridge as bb
network = bb.load_network(sys.argv[1])
for _ in range(300):
    bb.save_network(network, sys.argv[2] + "/network.h5")
"""

#: Files that the commands read, by name.
INPUTS = {
    "study.toml": STUDY,
    "ladder.toml": LADDER,
    "remedies.toml": REMEDIES,
    "dump.py": EARLIER + DUMP,
    "save.py": EARLIER + SAVE,
}


@dataclass(frozen=True)
class Scenario:
    """Hold a command that is killed.

    Parameters
    ----------
    name : str
        What the table calls it.
    command : callable
        From the folder of the inputs and that of the results to the arguments of Python.
    keeps : str
        A file that is there before the command begins to write, and must always be there.
    """

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    keeps: str = ""


def _cli(*words: str) -> Callable[[Path, Path], list[str]]:
    def command(given: Path, out: Path) -> list[str]:
        places = {"GIVEN": str(given), "OUT": str(out)}
        filled = [word.replace("GIVEN", places["GIVEN"]) for word in words]
        return ["-m", "brianbridge", *filled, "--out", places["OUT"]]

    return command


def _script(name: str, writes: str) -> Callable[[Path, Path], list[str]]:
    return lambda given, out: [str(given / name), str(given / "network.h5"), str(out), writes]


_VERIFY = ("verify", "GIVEN/network.h5", "--data", "digits", "--ladder")
SCENARIOS = (
    Scenario("train", _cli("train", "GIVEN/study.toml")),
    Scenario("verify", _cli(*_VERIFY, "GIVEN/ladder.toml")),
    Scenario("verify, 2 workers", _cli(*_VERIFY, "GIVEN/ladder.toml", "--workers", "2")),
    Scenario("remedies", _cli(*_VERIFY, "GIVEN/remedies.toml")),
    Scenario("study", _cli("study", "run", "GIVEN/study.toml")),
    Scenario("dump", _script("dump.py", "spikes.h5"), keeps="spikes.h5"),
    Scenario("save", _script("save.py", "network.h5"), keeps="network.h5"),
)
