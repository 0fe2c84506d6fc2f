"""Nowhere to write: simulations run where plain Brian2 does, and say once that they are slower."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import brianbridge

SCRIPT = """
import logging
logging.basicConfig(level=logging.WARNING)
import numpy as np, brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.simulation import batched
batched.SMALL = 0
net = bb.SpikingNetwork.sequential((4,), [bb.Dense(3, bb.neuron_model("lif"))],
                                   encoding=bb.Current(5))
x = np.random.default_rng(0).random((6, 4))
bb.simulate(net, x)
verdict = bb.verify(net, from_arrays("mine", x, np.arange(6) % 3))
print("mismatches:", verdict.rungs[0].spike_mismatches)
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """Give a folder with a copy of the package, in which numba cannot keep anything."""
    source = Path(brianbridge.__file__).parent
    copy = tmp_path / "brianbridge"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # Permissions do not bind root; but nobody makes a folder where there is a file.
    for folder in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
        (folder / "__pycache__").write_text("")
    if (models := source.with_name("models")).is_dir():
        shutil.copytree(models, copy / "_share" / "models")
    return tmp_path


def test_simulate_and_verify_without_a_place_for_compiled_code(package):
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), f"{os.devnull}/none")
    environment = {
        **os.environ, **places, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, cwd=package, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mismatches: 0" in done.stdout
    assert done.stderr.count("no place for numba's cache") == 1
