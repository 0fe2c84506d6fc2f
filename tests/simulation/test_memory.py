"""A network whose samples cannot fit is refused before memory is taken for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from brianbridge.encoding import Poisson
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate

SHOW = "import brian2, brianbridge; print(brian2.prefs.brianbridge.memory)"


@pytest.mark.parametrize("path", ["batched", "reference"])
def test_a_presentation_without_end_is_not_simulated(refused: Callable, path: str) -> None:
    with refused("one sample of the network takes about", "set prefs.brianbridge.memory ="):
        simulate(endless(), np.ones((1, 4)), backend=Backend(path=path))


def test_a_presentation_without_end_has_no_twin(refused: Callable) -> None:
    with refused("one sample of the network takes about", "BRIANBRIDGE_MEMORY="):
        TwinRun(endless(), np.ones((1, 4)))


def endless() -> SpikingNetwork:
    layers = [Dense(64, neuron_model("lif"))]
    return SpikingNetwork.sequential((4,), layers, encoding=Poisson(steps=10**7))


def test_the_environment_sets_the_memory() -> None:
    assert shown("1000").stdout == "1000.0\n"
    told = shown("much").stderr.splitlines()[-1]
    assert told.endswith("BRIANBRIDGE_MEMORY = 'much'; give megabytes, such as 256")


def shown(memory: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BRIANBRIDGE_MEMORY": memory}
    return subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=False
    )
