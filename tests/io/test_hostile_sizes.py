"""Network files that declare more than they hold, or than memory may hold, are refused at once."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from brian2 import prefs
from network_files import refused

from brianbridge.io.networks.file import load_network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.h5"


WEIGHT = "projections/input_to_hidden/weight"


def unwritten(file: h5py.File) -> None:
    del file[WEIGHT]
    file.create_dataset(WEIGHT, (2**15, 2**15), "f4")  # 4 GB in a file of 4 kB


def bomb(file: h5py.File) -> None:
    del file[WEIGHT]
    data = file.create_dataset(WEIGHT, (2**12, 2**15), "f4", compression="gzip", chunks=(64, 2**15))
    data[:] = 0


def large_chunk(file: h5py.File) -> None:
    del file[WEIGHT]
    size = {"maxshape": (None, None), "chunks": (2**12, 2**13)}
    file.create_dataset(WEIGHT, data=np.ones((5, 4)), compression="gzip", **size)


def long_text(file: h5py.File) -> None:
    del file["provenance"]
    file.create_dataset("provenance", (1,), "S2000000000")


def much_json(file: h5py.File) -> None:
    del file["provenance"]
    text = json.dumps({"x": [[]] * 10_000_000}).encode()
    file.create_dataset("provenance", data=np.array([text]), compression="gzip")


def unwritten_text(file: h5py.File) -> None:
    del file["provenance"]
    file.create_dataset("provenance", (1,), "S200")


def many_objects(file: h5py.File) -> None:
    for number in range(20_001):
        file.create_group(f"projections/{number}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (unwritten, "'/projections/input_to_hidden/weight' declares 4295 MB"),
        (bomb, "'/projections/input_to_hidden/weight' declares 536.9 MB"),
        (large_chunk, "declares 268.4 MB"),
        (long_text, "'/provenance' declares 3.2e+04 MB"),
        (much_json, "'/provenance' declares 640 MB"),
        (unwritten_text, "'/provenance' declares 1 values, but the file holds none"),
        (many_objects, "more than 20000 objects"),
    ],
)
def test_headers_are_checked_before_data(
    saved: Path, change: Callable[[h5py.File], None], problem: str
) -> None:
    with h5py.File(saved, "r+") as file:
        change(file)
    tracemalloc.start()
    try:
        assert problem in refused(saved)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


def test_the_budget_is_a_preference_and_the_message_names_it(saved: Path) -> None:
    network = load_network(saved)
    prefs["brianbridge.memory"] = 0.01
    message = refused(saved)
    assert "BRIANBRIDGE_MEMORY=1" in message
    assert "prefs.brianbridge.memory = 1" in message
    prefs["brianbridge.memory"] = 1.0
    assert load_network(saved).to_dict() == network.to_dict()
