"""Another installed package may offer neuron models, spike functions and encodings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NEURON = """
summary = "Leaky integrate-and-fire of another package"
equations = '''
dv/dt = -v/tau + drive : 1
drive : Hz
'''
emit = "int(v >= theta)"
reset = "v -= theta"
drive = "drive"

[parameters]
tau = "10 ms"
theta = 1.0
"""

SPIKE_FUNCTION = """
import torch

def cosine(z):
    return torch.cos(z.clamp(-1.5, 1.5))
"""

ENCODING = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from brianbridge.encoding import EncodedInput, Encoding

@dataclass(frozen=True)
class Burst(Encoding):
    kind: ClassVar[str] = "burst"
    spikes: int = 3

    def encode(self, x, index, stream=0):
        x = self._samples(x, index)
        raster = np.zeros((self.steps, *x.shape), np.int8)
        raster[: self.spikes] = x > 0
        return EncodedInput(raster=raster)
"""

ENTRY_POINTS = """
[brianbridge.neurons]
extras = extras.neurons
[brianbridge.spike_functions]
cosine = extras.spike_function:cosine
[brianbridge.encodings]
burst = extras.encoding:Burst
"""

PROGRAM = """
import json, warnings
import brian2  # first, for it hands warnings to its log
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    import brianbridge as bb
    from brianbridge.encoding.base import encoding_from_dict, encoding_names
    from brianbridge.neurons.library import model_names, neuron_model
    from brianbridge.twin.network import to_torch
    from brianbridge.twin.spike_function import SpikeFunction, spike_function_names
    found = {"names": [n for n in (*model_names(), *encoding_names(), *spike_function_names())
                       if n in ("theirs", "burst", "cosine")]}
    if len(found["names"]) == 3:
        encoding = encoding_from_dict({"kind": "burst", "steps": 4, "spikes": 2})
        lif = neuron_model("theirs", theta=2.0)
        net = bb.SpikingNetwork.sequential((3,), [bb.Dense(2, lif)], encoding=encoding)
        twin = to_torch(net, spike_function=SpikeFunction("cosine"))
        twin(np.ones((5, 3))).sum().backward()
        found |= {"encoding": repr(encoding), "summary": lif.summary,
                  "gradient": twin.projections["input_to_output"].weight.grad is not None}
found["warnings"] = [str(w.message) for w in caught if w.category is RuntimeWarning]
print(json.dumps(found))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with its entry points, as pip would install it."""
    files = {
        "extras/__init__.py": "",
        "extras/spike_function.py": SPIKE_FUNCTION,
        "extras/encoding.py": ENCODING,
        "extras/neurons/theirs.toml": NEURON,
        "extras-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: extras\nVersion: 1.0\n",
        "extras-1.0.dist-info/entry_points.txt": ENTRY_POINTS,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def python(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process that finds the package."""
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{root}"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    )


def run_beside(package: Path) -> dict[str, object]:
    """Run the program in a process that finds the package, and return what it prints."""
    return json.loads(python(package, "-c", PROGRAM).stdout)


def test_extensions_of_another_package_work(package: Path):
    found = run_beside(package)
    assert found == {
        "names": ["theirs", "burst", "cosine"],
        "encoding": "Burst(steps=4, dt=1 ms, spikes=2)",
        "summary": "Leaky integrate-and-fire of another package",
        "gradient": True,
        "warnings": [],
    }


def test_a_broken_package_does_not_hide_the_rest(package: Path):
    (package / "extras/neurons/lif.toml").write_text(NEURON)
    (package / "extras/encoding.py").write_text("raise ValueError('broken')")
    points = ENTRY_POINTS.replace("[brianbridge.neurons]", "[brianbridge.neurons]\nnone = nothing")
    (package / "extras-1.0.dist-info/entry_points.txt").write_text(points)
    found = run_beside(package)
    assert found["names"] == ["theirs", "cosine"]
    problems = " ".join(found["warnings"])
    assert "there is no module 'nothing'" in problems
    assert "its model 'lif' has the name of" in problems
    assert "broken" in problems


@pytest.mark.parametrize("command", [["models"], ["schema", "study"]])  # without and with Brian2
def test_a_broken_package_is_one_line_on_the_command_line(package: Path, command: list[str]):
    (package / "extras/encoding.py").write_text("raise ValueError('broken')")
    points = ENTRY_POINTS.replace("extras = extras.neurons", "none = nothing")
    (package / "extras-1.0.dist-info/entry_points.txt").write_text(points)
    told = python(package, "-m", "brianbridge", *command).stderr
    assert told.count("\n") == 1
    assert told.startswith("brianbridge: warning: ")
    assert "cannot be used: " in told
    assert ".py" not in told
