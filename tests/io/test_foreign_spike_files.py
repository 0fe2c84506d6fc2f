"""Spike files of other programs are read; files that are not whole, or none, are refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from spike_files import without_digests, write

from brianbridge.errors import InputError
from brianbridge.io.spikes.file import describe, read_spikes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "spikes.h5"


# Files of other programs, and files that are none


def foreign(path: Path, units: str | bytes | None = "ms", **columns: object) -> Path:
    """Write what BMTK or Neurodamus write: two columns, sorting as text or not at all."""
    columns = {"timestamps": [0.1, 0.3, 12.34], "node_ids": [7, 7, 2], **columns}
    with h5py.File(path, "w") as file:
        file.attrs["magic"] = np.uint32(0x0A7A)
        file.attrs["version"] = [np.uint32(0), np.uint32(1)]
        group = file.create_group("spikes/V1")
        group.attrs["sorting"] = "by_time"
        for name, values in columns.items():
            if values is not None:
                group[name] = values
        if units is not None and "timestamps" in group:
            group["timestamps"].attrs["units"] = units
    return path


@pytest.mark.parametrize("units", ["ms", "milliseconds", np.bytes_(b"milliseconds"), None])
def test_files_of_other_programs_open(tmp_path: Path, units) -> None:
    file = read_spikes(foreign(tmp_path / "s.h5", units))
    assert (file.complete, file.samples, file.provenance) == (True, 1, {})
    population = file.populations["V1"]
    assert (population.shape, population.dt, population.steps) == (None, None, None)
    assert population.column("timestamps").tolist() == [0.1, 0.3, 12.34]
    assert np.isnan(population.column("t_crossing")).all()

    with pytest.raises(InputError, match="does not state its time step: give it"):
        population.events()
    events = population.events(dt=1e-4)
    # 0.3/0.1 is below 3 in floating point: the spike is in step 3 all the same.
    assert events.step.tolist() == [1, 3, 123]
    assert events.node.tolist() == [7, 7, 2]
    assert events.sample.tolist() == [0, 0, 0]
    assert events.value.tolist() == [1, 1, 1]
    assert describe(tmp_path / "s.h5")["populations"]["V1"]["dt"] is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"node_ids": None}, "expected them in '/spikes/V1/node_ids'"),
        ({"timestamps": None}, "expected them in '/spikes/V1/timestamps'"),
        ({"node_ids": [1, 2]}, "expected 2 spikes per column"),
        ({"timestamps": [1.0]}, "expected 3 spikes per column"),
        ({"timestamps": [[1.0], [2.0], [3.0]]}, "expected 3 spikes per column"),
        ({"timestamps": ["a", "b", "c"]}, "lacks numbers"),
        ({"units": "s"}, "timestamps in 's': expected milliseconds"),
        ({"sample": [0]}, "expected 3 spikes per column"),
    ],
)
def test_foreign_files_that_are_not_whole(tmp_path: Path, columns, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_spikes(foreign(tmp_path / "s.h5", **columns))
    assert str(tmp_path / "s.h5") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_layout_of_before_populations(tmp_path: Path) -> None:
    with h5py.File(foreign(tmp_path / "s.h5"), "r+") as file:
        file.move("spikes/V1/timestamps", "spikes/timestamps")
        file.move("spikes/V1/node_ids", "spikes/gids")
        del file["spikes/V1"]
    with pytest.raises(InputError, match="'/spikes/gids' where a population was expected"):
        read_spikes(tmp_path / "s.h5")


def spoilt(file: h5py.File, what: str) -> None:
    if what == "magic":
        del file.attrs["magic"]
    elif what == "other magic":
        file.attrs["magic"] = 1
    elif what == "no spikes":
        del file["spikes"]
    elif what == "spikes is data":
        del file["spikes"]
        file["spikes"] = [1]
    elif what == "population is data":
        del file["spikes/hidden"]
        file["spikes/hidden"] = [1.0]
    elif what == "no population":
        file.move("spikes/hidden", "spikes/other")
    elif what == "provenance":
        file.attrs["provenance"] = "{"
    elif what == "group for a column":
        del file["spikes/hidden/sample"]
        file.create_group("spikes/hidden/sample")
    else:  # a column or an attribute of ours
        del (file["spikes/hidden"] if what in file["spikes/hidden"] else file.attrs)[what]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("magic", "HDF5 but not SONATA: expected root magic=0x0A7A"),
        ("other magic", "not SONATA"),
        ("no spikes", "expected a group /spikes"),
        ("spikes is data", "expected a group /spikes"),
        ("population is data", "'/spikes/hidden' where a population was expected"),
        ("no population", "damaged"),
        ("provenance", "damaged"),
        ("complete", "damaged"),
        ("group for a column", "damaged"),
        ("sample", "expected them in '/spikes/hidden/sample'"),
        ("t_crossing", "expected them in '/spikes/hidden/t_crossing'"),
    ],
)
def test_own_files_that_are_not_whole(path: Path, recording, what: str, message: str) -> None:
    with h5py.File(without_digests(write(path, recording(1, 20))), "r+") as file:
        spoilt(file, what)
    with pytest.raises(InputError, match=message) as caught:
        read_spikes(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [19, 21])
def test_own_columns_of_another_length(path: Path, recording, length: int) -> None:
    with h5py.File(without_digests(write(path, recording(1, 20))), "r+") as file:
        file["spikes/hidden/sample"].resize((length,))
    with pytest.raises(InputError, match="expected 20 spikes per column"):
        read_spikes(path)


def test_files_that_are_no_hdf5(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("step,neuron\n1,2\n")
    (tmp_path / "empty.h5").touch()
    for name in ("text.h5", "empty.h5"):
        with pytest.raises(InputError, match=rf"{name}' is damaged or not an HDF5") as error:
            read_spikes(tmp_path / name)
        assert "\n" not in str(error.value)
    for missing in (tmp_path / "none.h5", tmp_path):
        with pytest.raises(InputError, match=f"there is no spike file '{missing}'"):
            read_spikes(missing)


def test_a_file_cut_off_anywhere(path: Path, recording) -> None:
    data = write(path, recording(1, 500)).read_bytes()
    for length in np.linspace(0, len(data) - 1, 60).astype(int):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="damaged or not an HDF5"):
            read_spikes(path)


def test_bytes_spoilt_in_the_spikes_are_found_when_read(path: Path, recording) -> None:
    write(path, recording(1, 500))
    with h5py.File(path) as file:
        chunk = file["spikes/hidden/timestamps"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"spikes\.h5' is damaged"):
        read_spikes(path).populations["hidden"].events()


def test_an_unknown_column(path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'node_id'\. Did you mean 'node_ids'\?"):
        read_spikes(write(path)).populations["hidden"].column("node_id")
