"""``format="brianbridge_hdf5"`` of Brian2's `get_states` and `set_states`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import brian2 as b2
import numpy as np
import pytest
from brian2 import ms, mV

import brianbridge  # noqa: F401
from brianbridge.errors import InputError

FORMAT = {"format": "brianbridge_hdf5"}
MODEL = """
dv/dt = -v/(10*ms) : volt (unless refractory)
w : siemens
k : integer
b : boolean
x : 1 (shared)
"""


def group(number: int = 5) -> b2.NeuronGroup:
    cells = b2.NeuronGroup(
        number, MODEL, threshold="v > 1*mV", refractory=2 * ms, method="exact", name="cells"
    )
    cells.v = np.arange(number) * mV
    cells.w = np.linspace(0, 1, number) * b2.nS
    cells.k, cells.b, cells.x = np.arange(number), np.arange(number) % 2 == 0, 0.1
    return cells


@pytest.mark.parametrize("units", [True, False])
@pytest.mark.parametrize("by", ["bytes", "path"])
def test_states_come_back(tmp_path: Path, units: bool, by: str) -> None:
    cells = group()
    b2.Network(cells).run(1 * ms)
    wanted = cells.get_states(read_only_variables=False)
    kept = cells.get_states(units=units, read_only_variables=False, **FORMAT)
    assert isinstance(kept, bytes)
    cells.v, cells.w, cells.k, cells.b, cells.x = 0 * mV, 0 * b2.nS, 0, False, 0
    if by == "path":
        (tmp_path / "s.h5").write_bytes(kept)
        cells.set_states(tmp_path / "s.h5", units=units, **FORMAT)
    else:
        cells.set_states(kept, units=units, **FORMAT)
    found = cells.get_states(read_only_variables=False)
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert b2.have_same_dimensions(found[name], value)
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(value))


def test_synapses_and_subexpressions() -> None:
    cells = group()
    synapses = b2.Synapses(cells, cells, "g : siemens", name="wires")
    synapses.connect(p=1.0)
    synapses.g = np.arange(25) * b2.nS
    kept = synapses.get_states(["g"], **FORMAT)
    synapses.g = 0 * b2.nS
    synapses.set_states(kept, **FORMAT)
    np.testing.assert_allclose(synapses.g / b2.nS, np.arange(25))


def test_a_flipped_bit_is_told() -> None:
    cells = group()
    kept = cells.get_states(read_only_variables=False, **FORMAT)
    wanted = cells.get_states(read_only_variables=False)
    rng = np.random.default_rng(0)
    told = 0
    used = [i for i, byte in enumerate(kept) if byte]
    for place in rng.choice(used, 150):
        data = bytearray(kept)
        data[place] ^= 1 << int(rng.integers(8))
        try:
            cells.set_states(bytes(data), **FORMAT)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            told += 1
        for name, value in cells.get_states(read_only_variables=False).items():
            np.testing.assert_array_equal(np.asarray(value), np.asarray(wanted[name]))
    assert told > 50


def test_what_does_not_fit_is_refused(tmp_path: Path, refused) -> None:
    cells = group()
    kept = cells.get_states(["v"], **FORMAT)
    with refused("variable 'v' has shape (5,) in the file and (4,) in 'other'"):
        other = b2.NeuronGroup(4, "v : volt", name="other")
        other.set_states(kept, **FORMAT)
    with refused("'third' has no variable 'v' of the file. Choose from"):
        b2.NeuronGroup(5, "u : volt", name="third").set_states(kept, **FORMAT)
    with refused("'v' has no units: give units=False"):
        cells.set_states(cells.get_states(["v"], units=False, **FORMAT), **FORMAT)
    with refused("get_states(read_only_variables=False)"):
        cells.set_states(cells.get_states(**FORMAT), **FORMAT)
    with refused("there is no such file"):
        cells.set_states(tmp_path / "none.h5", **FORMAT)
    with refused("does not begin like one"):
        cells.set_states(b"nonsense", **FORMAT)
    with pytest.raises(b2.DimensionMismatchError):
        b2.NeuronGroup(5, "v : amp", name="fourth").set_states(kept, **FORMAT)


@pytest.mark.parametrize("first", ["brian2", "brianbridge"])
def test_it_is_there_after_either_import(first: str) -> None:
    second = {"brian2": "brianbridge", "brianbridge": "brian2"}[first]
    code = (
        f"import {first}, {second}; from brian2 import *\n"
        "G = NeuronGroup(2, 'v : 1')\nprint(len(G.get_states(format='brianbridge_hdf5')) > 100)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
