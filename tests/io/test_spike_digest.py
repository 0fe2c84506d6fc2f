"""Damage anywhere in a spike file is noticed."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from spike_files import RUN, SHAPES, without_digests, write

from brianbridge.cli import main
from brianbridge.errors import InputError
from brianbridge.io.spikes.file import SpikeFileWriter, check_spikes, read_spikes
from brianbridge.io.spikes.layout import COLUMNS
from brianbridge.recording import Events, Recording


def everything(path: Path) -> dict[str, Any]:
    """Read all that a file means."""
    file = read_spikes(path)
    found = {"complete": file.complete, "samples": file.samples, "provenance": file.provenance}
    for name, p in file.populations.items():
        found[name] = (p.shape, p.dt, p.steps, p.spikes)
        found |= {f"{name} {column}": p.column(column).tobytes() for column in COLUMNS}
    return found


def partial(path: Path, *recordings: Recording, **kwargs: Any) -> Path:
    """Write the log of a run that failed."""
    kwargs.pop("compress")
    writer = SpikeFileWriter(path, **{**RUN, **kwargs})
    writer.__enter__()
    for recording in recordings:
        writer.append(recording)
    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    return writer.partial


@pytest.mark.parametrize(
    ("make", "compress"),
    [(write, True), (write, False), (partial, True)],
    ids=["compressed", "plain", "log"],
)
def test_changed_bytes_are_never_silent(
    tmp_path: Path, recording, make: Callable[..., Path], compress: bool
) -> None:
    kwargs = {"provenance": {"seed": 1, "note": "x" * 50}, "compress": compress}
    path = make(tmp_path / "spikes.h5", recording(1, 60), recording(2, 60), **kwargs)
    good = path.read_bytes()
    wanted = everything(path)
    rng = np.random.default_rng(0)
    seen, changed = 0, tmp_path / "changed.h5"
    used = [i for i in range(len(good)) if good[i]]
    for place in rng.choice(used, 100, replace=False):
        data = bytearray(good)
        data[place] ^= 1 << rng.integers(8)
        changed.write_bytes(data)
        try:
            found = everything(changed)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            seen += 1
        else:
            # Bytes that mean nothing may change.
            assert found == wanted, f"byte {place}"
    assert seen > 15  # much of an uncompressed file is room for later


def attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        path, _, key = name.rpartition("@")
        file[path].attrs[key] = value

    return change


def renamed(file: h5py.File) -> None:
    file.attrs["eigest"] = file.attrs["digest"]
    del file.attrs["digest"]


def entry(file: h5py.File) -> None:
    file["spikes/hidden/node_ids"][3] += 1


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        attribute("/@complete", False),
        attribute("/@version", np.array([0, 2], np.uint32)),
        attribute("/@provenance", np.bytes_(b'{"seed": 2}')),
        attribute("/@extra", 1),
        attribute("/spikes/hidden@steps", 51),
        attribute("/spikes/hidden@dt_s", 2e-4),
        attribute("/spikes/hidden@shape", np.array([5, 2, 4])),
        attribute("/spikes/hidden/timestamps@units", "ms"),
        attribute("/spikes/hidden/node_ids@sha256", np.zeros(32, np.uint8)),
        lambda file: file.move("spikes/hidden", "spikes/other"),
        lambda file: file.attrs.__delitem__("written"),
        renamed,
        entry,
    ],
)
def test_what_was_altered_with_tools_is_refused(
    tmp_path: Path, recording, change: Callable[[h5py.File], None], compress: bool
) -> None:
    path = write(tmp_path / "s.h5", recording(1, 60), provenance={"seed": 1}, compress=compress)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=r"s\.h5' is damaged"):
        everything(path)


def test_inspect_checks_all_of_it(tmp_path: Path, recording, capsys) -> None:
    path = write(tmp_path / "s.h5", recording(1, 60), compress=False)
    assert main(["inspect", "--check", str(path)]) == 0
    assert "check    all is as it was written" in capsys.readouterr().out
    with h5py.File(path, "r+") as file:
        entry(file)
    assert main(["inspect", str(path)]) == 0  # only what it says of itself is read
    capsys.readouterr()
    assert main(["inspect", "--check", str(path)]) == 2
    assert "'/spikes/hidden/node_ids' differs from what was written" in capsys.readouterr().err


def test_files_of_earlier_versions_are_read(tmp_path: Path, recording, same) -> None:
    rec = recording(1, 60)
    path = without_digests(write(tmp_path / "s.h5", rec, provenance={"seed": 1}))
    assert check_spikes(path) == "all can be read; the file has no digests to compare it with"
    for name in SHAPES:
        assert same(read_spikes(path).populations[name].events(), rec.events(name).sorted())


def test_copies_without_compression_agree(tmp_path: Path, recording) -> None:
    """As ``h5repack -f NONE`` makes them: the digests are of values, not of bytes on disk."""
    path = write(tmp_path / "s.h5", recording(1, 60))
    with h5py.File(path) as file, h5py.File(tmp_path / "plain.h5", "w") as plain:
        for name in file.attrs:
            plain.attrs.create(name, file.attrs[name], dtype=file.attrs.get_id(name).dtype)
        for name, population in file["spikes"].items():
            group = plain.create_group(f"spikes/{name}")
            for key in population.attrs:
                attr = population.attrs.get_id(key).dtype
                group.attrs.create(key, population.attrs[key], dtype=attr)
            for column, dataset in population.items():
                copy = group.create_dataset(column, data=dataset[()])
                for key in dataset.attrs:
                    attr = dataset.attrs.get_id(key).dtype
                    copy.attrs.create(key, dataset.attrs[key], dtype=attr)
    assert check_spikes(tmp_path / "plain.h5") == "all is as it was written"


def test_numbers_that_are_declared_but_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5")
    with h5py.File(without_digests(path), "r+") as file:
        for column in file["spikes/hidden"].values():
            column.resize((10**12,))
        written = file.attrs["written"]
        written["spikes"]["hidden"] = 10**12
        file.attrs["written"] = written
    assert os.path.getsize(path) < 100_000
    with pytest.raises(InputError, match="declares 8000000000000 bytes of numbers but stores 0"):
        read_spikes(path)


@pytest.mark.parametrize("chunks", [None, (2**25,)])
def test_numbers_that_are_no_spikes_are_not_read(tmp_path: Path, chunks: tuple[int] | None):
    path = tmp_path / "spikes.h5"
    write(path)
    name = next(iter(SHAPES))
    with h5py.File(path, "r+") as file:
        if chunks is None:  # 38 GB in place of a population
            del file[f"spikes/{name}"]
            file["spikes"].create_dataset(name, (2**20, 2**12), "S9")
        else:  # 268 MB that HDF5 would read at once
            column = file[f"spikes/{name}/timestamps"][:]
            del file[f"spikes/{name}/timestamps"]
            size = {"maxshape": (None,), "chunks": (chunks[0] + 1,)}
            file.create_dataset(f"spikes/{name}/timestamps", data=column, **size)
            del file.attrs["digest"], file.attrs["written"]
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"no population|smaller chunks"):
            check_spikes(path)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("column", ["spike_value", "t_crossing"])
def test_a_column_of_which_nothing_is_known_must_stay_so(tmp_path: Path, column: str) -> None:
    cells = np.arange(10)
    events = Events(0 * cells, cells, cells, np.ones(10), 1e-3)
    rec = Recording(1e-3, 10, 1, {"hidden": (10,)}, {"hidden": events}, np.zeros((1, 0)))
    path = write(tmp_path / "s.h5", rec, shapes=rec.shapes, dt=1e-3, steps=10)
    assert check_spikes(path) == "all is as it was written"
    with h5py.File(path, "r+") as file:
        file[f"spikes/hidden/{column}"][3] = 2
    with pytest.raises(InputError, match=f"'/spikes/hidden/{column}' differs from what"):
        check_spikes(path)
