"""Small files that claim or unpack to much, or that point elsewhere, are refused without memory."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from brian2 import prefs
from run import peak_memory

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.events import Events
from brianbridge.recording import Recording

#: Megabytes that a file may use, and that the process may grow by.
BUDGET, ROOM = 100, 160


@pytest.fixture(autouse=True)
def budget() -> Iterator[None]:
    before = prefs["brianbridge.memory"]
    prefs["brianbridge.memory"] = BUDGET
    yield
    prefs["brianbridge.memory"] = before


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Return what converts a file, and returns the one line that says why not."""

    def convert(path: Path, target: str = "out.h5", *options: str) -> str:
        return told(["spikes", "convert", str(path), str(tmp_path / target), *options])

    def told(command: list[str]) -> str:
        main(["models"])  # a second call imports nothing
        peak_memory()
        before = peak_memory()
        status = main(command)
        assert peak_memory() - before < ROOM * 1e6
        lines = [line for line in capsys.readouterr().err.splitlines() if line]
        assert (status, len(lines)) == (2, 1), lines
        return lines[0]

    convert.told = told  # type: ignore[attr-defined]
    return convert


def spikes(path: Path) -> Path:
    """Write two spikes of a population in a format."""
    events = Events(np.array([0, 1]), np.array([1, 0]), np.array([3, 2]), np.ones(2), 1e-3)
    bb.io.write_spikes(
        Recording(1e-3, 5, 2, {"out": (2,)}, {"out": events}, np.zeros((2, 2))), path
    )
    return path


# ---------------------------------------------------------------------- tables


@pytest.mark.parametrize("start", ["# ", '# {"brianbridge": 1', "whole"])
def test_a_line_without_an_end(tmp_path: Path, refused: Callable, start: str) -> None:
    path = tmp_path / "s.csv"
    text = spikes(path).read_bytes() if start == "whole" else start.encode()
    path.write_bytes(text + b"x" * 300_000_000)
    assert "s.csv" in refused(path) or start != "whole"


def test_columns_that_unpack_to_much(tmp_path: Path, refused: Callable) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import ParquetWriter, read_table

    path = spikes(tmp_path / "s.parquet")
    known = read_table(path).schema.metadata
    rows = 2_000
    which = arrow.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["a" * 1_000_000])
    columns = {"population": which} | {
        name: np.zeros(rows, np.int64) for name in ("sample", "neuron", "time_ms", "value")
    }
    table = arrow.table(columns)
    problems = {"snappy": "there is no population 'aaa", "gzip": "it has compression 2 of Parquet"}
    for compression, problem in problems.items():
        # Without Arrow's schema the texts are no dictionary, but 2 GB.
        with ParquetWriter(path, table.schema, store_schema=False, compression=compression) as file:
            file.write_table(table)
            file.add_key_value_metadata({"brianbridge": known[b"brianbridge"].decode()})
        assert problem in refused(path)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"samples": 2', '"samples": 4611686018427387904', "more steps or neurons"),
        ('"out": [2]', '"out": [4611686018427387904, 4]', "more steps or neurons"),
        ('"out": [2]', '"out": [-2]', "shapes"),
        ('"steps": 5', '"steps": 0', "0 steps"),
        ('"dt": 0.001', '"dt": -1', "-1.0 s"),
        ('"dt": 0.001', '"dt": 1e-320', "expected < 5"),
        ('"out",1,0,2', '"out",1,0,-2', "step -"),
        ('"out",1,0,2', '"out",1,0,nan', "column 'time_ms' has a row without a value"),
        ('"out",1,0,2', '"out",1,0,inf', "step -"),
        ('"out",1,0,2', '"out",1,4611686018427387904,2', "neuron 4611686018427387904"),
        ('"out",1,0,2', '"out",9,0,2', "sample 9: expected < 2"),
        ('"out",1,0,2', '"out",,0,2', "column 'sample' has a row without a value"),
        ('"sample"', '"neuron"', "0 columns 'sample'"),
    ],
)  # fmt: skip
def test_values_that_no_run_has(
    tmp_path: Path, refused: Callable, old: str, new: str, problem: str
) -> None:
    path = spikes(tmp_path / "s.csv")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert problem in refused(path)


def test_rows_that_nobody_can_write(tmp_path: Path, refused: Callable) -> None:
    path = spikes(tmp_path / "s.csv")
    path.write_text(path.read_text().replace('"samples": 2', '"samples": 4000000000'))
    assert "a row for each neuron and each of 4000000000 samples" in refused(path, "out.nwb")
    prefs["brianbridge.memory"] = 1
    path.write_text(path.read_text().replace("4000000000", "40000000"))
    with pytest.raises(bb.errors.InputError, match="the counts of 40000000 samples need 640 MB"):
        bb.io.read_recording(path)


def test_a_compression_that_nobody_knows(tmp_path: Path, refused: Callable) -> None:
    """Pyarrow's description of the file ends its process."""
    path = spikes(tmp_path / "s.parquet")
    data = path.read_bytes()
    # Codec and number of values of a column, as Thrift writes them.
    assert data.count(b"\x15\x02\x16\x04") >= 1
    path.write_bytes(data.replace(b"\x15\x02\x16\x04", b"\x15\x12\x16\x04"))
    assert "s.parquet" in refused(path)


# ---------------------------------------------------------------------- HDF5


def linked(file: h5py.File) -> None:
    del file["units/spike_times"]
    file["units/spike_times"] = h5py.ExternalLink("other.nwb", "/units/spike_times")


def referred(file: h5py.File) -> None:
    del file["units/population"]
    file["units/population"] = np.array([file.ref, file.ref], h5py.ref_dtype)


def virtual(file: h5py.File) -> None:
    del file["units/neuron"]
    layout = h5py.VirtualLayout((2,), "i8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
    file.create_virtual_dataset("units/neuron", layout)


def unwritten(file: h5py.File) -> None:
    del file["units/spike_times"]
    file.create_dataset("units/spike_times", (2**40,), "f8", chunks=(2**16,))


def packed(file: h5py.File) -> None:
    del file["units/spike_times"], file["units/spike_times_index"]
    file.create_dataset("units/spike_times", data=np.zeros(3_000_000), compression="gzip")
    file["units/spike_times_index"] = np.array([0, 3_000_000])


def backwards(file: h5py.File) -> None:
    file["units/spike_times_index"][:] = [2, 1]


def long_text(file: h5py.File) -> None:
    del file["units/population"]
    file.create_dataset("units/population", (1,), "S2147483647")


def empty_texts(file: h5py.File) -> None:
    del file["units/population"]
    file.create_dataset("units/population", (2,), h5py.string_dtype(), chunks=(2,))


def values_for_a_group(file: h5py.File) -> None:
    """Let a dataset that takes seconds to search stand in the place of a group."""
    del file["general"]
    file.create_dataset("general", shape=(2**24,), dtype="i1", chunks=True)


def more_units(file: h5py.File) -> None:
    del file["units/population"]
    file.create_dataset("units/population", (2**40,), h5py.string_dtype(), chunks=(2**10,))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (linked, "'/units/spike_times' is not a dataset of this file"),
        (referred, "'/units/population' holds object; expected text"),
        (virtual, "'/units/neuron' is not a dataset of this file"),
        (unwritten, "declares 8796093022208 bytes of numbers but stores 0"),
        (packed, "a population has 3000000 spikes; set brian2.prefs"),
        (backwards, "does not grow from neuron to neuron"),
        (long_text, "is stored in chunks of 2147 MB"),
        (values_for_a_group, "'/general' is not a group of this file"),
        (more_units, "it has units of shape (1099511627776,), not one for each neuron"),
        (empty_texts, "the texts of '/units/population' are damaged"),
    ],
)  # fmt: skip
def test_units_that_are_none(
    tmp_path: Path, refused: Callable, change: Callable, problem: str
) -> None:
    pytest.importorskip("pynwb")
    path = spikes(tmp_path / "s.nwb")
    with h5py.File(path, "r+") as file:
        change(file)
    assert problem in refused(path)


def overwritten(path: Path, old: bytes, new: bytes, after: bytes = b"") -> None:
    """Overwrite bytes of a file, after others."""
    data = bytearray(path.read_bytes())
    place = data.index(old, data.index(after))
    data[place : place + len(new)] = new
    path.write_bytes(data)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_a_text_that_claims_gigabytes(tmp_path: Path, refused: Callable, version: str) -> None:
    path = tmp_path / "s.h5"
    with h5py.File(path, "w", libver=version) as file:
        file.attrs["magic"] = np.uint32(0x0A7A)
        file["spikes/V1/timestamps"], file["spikes/V1/node_ids"] = [0.1, 0.3], [1, 0]
        file["spikes/V1/timestamps"].attrs["units"] = "milliseconds"
    bb.io.convert_spikes(path, tmp_path / "whole.h5", 1e-4)
    overwritten(path, struct.pack("<I", 12), struct.pack("<I", 2**31), b"units\0")
    problem = refused(path, "out.h5", "--dt", "0.1 ms")
    # The newer format has a checksum, which damage does not pass.
    wanted = "the texts of attribute 'units'" if version == "earliest" else "checksum"
    assert wanted in problem


def test_a_text_that_is_named_a_million_times(tmp_path: Path, refused: Callable) -> None:
    path = tmp_path / "net.nir"
    with h5py.File(path, "w") as file:
        file["version"] = "1"
        file.create_dataset("node/type", data="NIRGraph")
        texts = ["a" * 1_000_000, *["b"] * 9_999]
        place = file.create_dataset("node/edges", data=texts, dtype=h5py.string_dtype())
        start = place.id.get_offset()
    data = bytearray(path.read_bytes())
    data[start : start + 160_000] = data[start : start + 16] * 10_000
    path.write_bytes(data)
    command = ["convert", str(path), str(tmp_path / "out.h5"), "--from", "norse", "--steps", "3"]
    assert "'/node/edges' has texts of 1e+04 MB" in refused.told([*command, "--input", "frames"])


# ---------------------------------------------------------------------- arrays


def test_a_header_that_unpacks_to_gigabytes(tmp_path: Path, refused: Callable) -> None:
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1)
        archive.writestr("x.npy", header + b" " * 400_000_000)
    assert path.stat().st_size < 1e6
    assert "its header has more than 10000 characters" in refused.told(["data", str(path)])


def test_a_table_that_numpy_splits_into_much(tmp_path: Path) -> None:
    from brianbridge.fitting.tables import read_table

    path = tmp_path / "v.csv"
    path.write_text("a\n" + "1\n" * 5_000_000)
    with pytest.raises(bb.errors.InputError, match="unpacks to 600 MB, but a file may use 100 MB"):
        read_table(path, ["a"])


def test_the_description_of_a_run_is_json(tmp_path: Path, refused: Callable) -> None:
    path = spikes(tmp_path / "s.csv")
    first, *rest = path.read_text().splitlines()
    for entry in (None, [], {"dt": 1}, {**json.loads(first[2:]), "steps": 1.5}, "[" * 5_000):
        text = entry if isinstance(entry, str) else json.dumps(entry)
        path.write_text("\n".join([f"# {text}", *rest]))
        assert "the description of the run" in refused(path)
