"""A network whose samples cannot fit is refused before memory is taken for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from brian2 import prefs

from brianbridge.encoding import Poisson
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.machine import memory_of_machine
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.preferences import how_to_raise
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate

SHOW = "import brian2, brianbridge; print(brian2.prefs.brianbridge.memory)"


@pytest.mark.parametrize("path", ["batched", "reference"])
def test_a_presentation_without_end_is_not_simulated(refused: Callable, path: str) -> None:
    with refused("one sample of the network takes about", "set brian2.prefs.brianbridge.memory ="):
        simulate(endless(), np.ones((1, 4)), record=("spikes", "v"), backend=Backend(path=path))


def test_memory_is_counted_for_the_population_that_is_recorded(refused: Callable) -> None:
    small, large = Dense(2, neuron_model("lif")), Dense(2000, neuron_model("lif"))
    net = SpikingNetwork.sequential((4,), [large, small], encoding=Poisson(steps=20_000))
    assert simulate(net, np.ones((1, 4)), record=["output.v"]).traces["output"]["v"].size == 40_000
    with refused("one sample of the network takes about 32"):
        simulate(net, np.ones((1, 4)), record=["v"])
    with refused("one sample of the network takes about 32"):  # 2,000 steps of the twin's
        finer = SpikingNetwork.sequential((4,), [large, small], encoding=Poisson(steps=2000))
        simulate(finer, np.ones((1, 4)), dt=finer.dt / 10, record=["hidden.v"])


def test_a_presentation_without_end_has_no_twin(refused: Callable) -> None:
    with refused("one sample of the network takes about", "BRIANBRIDGE_MEMORY="):
        TwinRun(endless(), np.ones((1, 4)))


@pytest.fixture(autouse=True)
def small_budget(fresh_brian2: None) -> None:
    prefs["brianbridge.memory"] = 256.0


def endless() -> SpikingNetwork:
    layers = [Dense(64, neuron_model("lif"))]
    return SpikingNetwork.sequential((4,), layers, encoding=Poisson(steps=10**7))


def test_the_environment_sets_the_memory() -> None:
    assert shown("1000").stdout == "1000.0\n"
    told = shown("much").stderr.splitlines()[-1]
    assert told.endswith("BRIANBRIDGE_MEMORY = 'much'; give megabytes, such as 256")


def test_the_budget_is_that_of_the_machine_or_of_its_container(tmp_path: Path) -> None:
    whole = memory_of_machine(tmp_path)
    assert whole > 1e8
    for group, folder, name in (
        ("0::/a/b", "a", "memory.max"),
        ("5:cpu,memory:/elsewhere", "memory", "memory.limit_in_bytes"),
    ):
        (tmp_path / "proc/self").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/self/cgroup").write_text(f"{group}\n3:cpu:/\n")
        limit = tmp_path / "sys/fs/cgroup" / folder / name
        limit.parent.mkdir(parents=True, exist_ok=True)
        limit.write_text("max\n")
        assert memory_of_machine(tmp_path) == whole
        limit.write_text("100000000\n")
        assert memory_of_machine(tmp_path) == 1e8
        limit.unlink()


@pytest.mark.parametrize("order", ["import brianbridge, brian2", "import brian2, brianbridge"])
def test_the_remedy_of_the_message_works_whatever_is_imported_first(order: str) -> None:
    line = how_to_raise(999e6).removeprefix("set ").split(",")[0]
    code = f"{order}; {line}; print(brian2.prefs.brianbridge.memory)"
    assert printed(code) == "1000\n"


def test_brian2_is_extended_as_it_is_imported_and_not_before() -> None:
    code = """
import sys, brianbridge
assert "brian2" not in sys.modules
from brian2 import NeuronGroup
import brian2
assert type(brian2.__spec__.loader).__module__ == "_frozen_importlib_external"
NeuronGroup(1, "dv/dt = -v/second : 1", method="propagator")
print("registered" if "brianbridge.memory" in brian2.prefs else "missing")
"""
    assert printed(code) == "registered\n"


def printed(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def shown(memory: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BRIANBRIDGE_MEMORY": memory}
    return subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=False
    )
