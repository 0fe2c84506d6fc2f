from __future__ import annotations

import errno
import json
import math
import tempfile
import tracemalloc
import weakref
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_files import RUN, SHAPES, without_digests, write

from brianbridge.errors import InputError
from brianbridge.io.spikes.file import SpikeFileWriter, describe, read_spikes
from brianbridge.recording import Events, Recording


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "spikes.h5"


# Round trip


def test_what_was_written_is_read(path: Path, recording, same) -> None:
    rec = recording(seed=1, spikes=500)
    file = read_spikes(write(path, rec, provenance={"seed": 1, "versions": {"brian2": "2.9"}}))
    assert file.complete
    assert file.samples == 3
    assert file.provenance == {"seed": 1, "versions": {"brian2": "2.9"}}
    assert list(file.populations) == list(SHAPES)  # the order of the network
    for name, population in file.populations.items():
        assert (population.shape, population.dt, population.steps) == (SHAPES[name], 1e-4, 50)
        assert population.spikes == len(rec.events(name))
        assert same(population.events(), rec.events(name).sorted())
    assert [p.name for p in path.parent.iterdir()] == ["spikes.h5"]


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict, list[Recording]]:
    names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
    names = names.filter(lambda name: name != ".")
    sizes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
    shapes = draw(st.dictionaries(names, sizes, min_size=1, max_size=3))
    dt, steps = draw(st.floats(1e-9, 10)), draw(st.integers(1, 10**6))

    def batch() -> Recording:
        samples = draw(st.integers(1, 3))
        all_events = {}
        for name, shape in shapes.items():
            index = st.tuples(
                st.integers(0, samples - 1),
                st.integers(0, math.prod(shape) - 1),
                st.integers(0, steps - 1),
            )
            spikes = draw(st.lists(index, max_size=8, unique=True))
            values = st.integers(-(2**15), 2**15 - 1)
            value = draw(st.lists(values, min_size=len(spikes), max_size=len(spikes)))
            columns = np.array(spikes, np.int64).reshape(-1, 3).T
            all_events[name] = Events(*columns, np.array(value, np.float64), dt)
        return Recording(dt, steps, samples, shapes, all_events, np.zeros((samples, 1)))

    batches = [batch() for _ in range(draw(st.integers(1, 3)))]
    return {"shapes": shapes, "dt": dt, "steps": steps}, batches


@given(runs())
@settings(max_examples=60, deadline=None)
def test_any_run_comes_back_to_the_last_bit(run: tuple[dict, list[Recording]]) -> None:
    description, batches = run
    with tempfile.TemporaryDirectory() as folder:
        file = read_spikes(write(Path(folder) / "spikes.h5", *batches, **description))
        whole = Recording.concatenate(batches)
        assert list(file.populations) == list(description["shapes"])
        for name, population in file.populations.items():
            assert population.shape == description["shapes"][name]
            read, wanted = population.events(), whole.events(name).sorted()
            assert read.dt == wanted.dt
            for column in ("sample", "node", "step", "value"):
                np.testing.assert_array_equal(getattr(read, column), getattr(wanted, column))
                assert getattr(read, column).dtype == getattr(wanted, column).dtype


def test_chunks_of_a_run_make_the_file_of_the_run(tmp_path: Path, recording) -> None:
    parts = [recording(seed, spikes) for seed, spikes in enumerate([400, 0, 1, 300])]
    write(tmp_path / "parts.h5", *parts)
    write(tmp_path / "whole.h5", Recording.concatenate(parts))
    with h5py.File(tmp_path / "parts.h5") as a, h5py.File(tmp_path / "whole.h5") as b:
        assert a.attrs["written"] == b.attrs["written"]
        for name in SHAPES:
            for column in a["spikes"][name]:
                one, other = a["spikes"][name][column], b["spikes"][name][column]
                np.testing.assert_array_equal(one[()], other[()])


def test_more_spikes_than_a_chunk(path: Path, same) -> None:
    step, sample, node = np.nonzero(np.ones((50, 8, 4000)))
    events = Events(sample, node, step, np.ones(len(step)), 1e-4)
    rec = Recording(1e-4, 50, 8, {"big": (4000,)}, {"big": events}, np.zeros((8, 1)))
    write(path, rec, rec, shapes={"big": (4000,)})
    read = read_spikes(path).populations["big"].events()
    assert same(read, Recording.concatenate([rec, rec]).events("big").sorted())
    assert path.stat().st_size < 2.1 * len(read)  # 4 bits for the step, 12 for the neuron


def test_a_run_without_spikes(path: Path) -> None:
    file = read_spikes(write(path))
    assert (file.complete, file.samples) == (True, 0)
    assert len(file.populations["hidden"].events()) == 0


def test_the_moment_of_crossing_follows_its_spike(path: Path) -> None:
    events = Events(
        *np.array([[0, 0, 0], [3, 1, 2], [9, 4, 4]]), value=np.ones(3), dt=1e-4
    )  # written in the order 1, 2, 3
    known = replace(events, t_crossing=np.array([9.5e-4, 4.25e-4, np.nan]))
    with SpikeFileWriter(path, {"a": (4,)}, 1e-4, 50) as spikes:
        for batch in (known, events):
            spikes.append(Recording(1e-4, 50, 1, {"a": (4,)}, {"a": batch}, np.zeros((1, 1))))
    population = read_spikes(path).populations["a"]
    np.testing.assert_array_equal(population.column("node_ids"), [1, 2, 3, 1, 2, 3])
    np.testing.assert_allclose(
        population.column("t_crossing"), [0.425, np.nan, 0.95, np.nan, np.nan, np.nan]
    )


def test_long_provenance(path: Path) -> None:
    curve = {"training curve": [0.1] * 50_000}  # an attribute proper may have 64 kB
    assert read_spikes(write(path, provenance=curve)).provenance == curve


@pytest.mark.parametrize("length", [59_988, 59_989, 120_000])
def test_provenance_in_parts(path: Path, length: int) -> None:
    text = {"note": "x" * length}  # 12 characters of JSON around it
    assert read_spikes(write(path, provenance=text)).provenance == text
    with h5py.File(path) as file:
        parts = [name for name in file.attrs if name.startswith("provenance")]
        assert len(parts) == -(-(length + 12) // 60_000)


def test_provenance_of_variable_length_is_read(path: Path) -> None:
    with h5py.File(without_digests(write(path)), "r+") as file:
        file.attrs["provenance"] = '{"place": "Zürich"}'
    assert read_spikes(path).provenance == {"place": "Zürich"}


# Layout


@pytest.fixture
def h5(path: Path, recording):
    with h5py.File(write(path, recording(1, 500), recording(2, 100))) as file:
        yield file


def test_root_attributes_are_those_of_sonata(h5: h5py.File) -> None:
    magic, version = h5.attrs.get_id("magic"), h5.attrs.get_id("version")
    assert (magic.dtype, magic.shape, h5.attrs["magic"]) == (np.uint32, (), 0x0A7A)
    assert (version.dtype, version.shape) == (np.uint32, (2,))
    assert h5.attrs["version"].tolist() == [0, 1]


def test_nothing_is_of_variable_length(path: Path, recording) -> None:
    dtypes = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        dtypes.update({f"{name}@{key}": item.attrs.get_id(key).dtype for key in item.attrs})
        if isinstance(item, h5py.Dataset):
            dtypes[name] = item.dtype

    with h5py.File(write(path, recording(1, 5), provenance={"place": "Zürich"})) as file:
        visit("", file)
        file.visititems(visit)
        assert file.attrs["provenance"] == rb'{"place": "Z\u00fcrich"}'
    assert {"@provenance", "@written", "spikes/hidden/timestamps@units"} <= set(dtypes)
    assert [name for name, dtype in dtypes.items() if dtype.hasobject] == []


def test_sorting_is_the_enumeration_of_sonata(h5: h5py.File) -> None:
    attribute = h5["spikes/hidden"].attrs.get_id("sorting")
    enumeration = attribute.get_type()
    assert isinstance(enumeration, h5py.h5t.TypeEnumID)
    assert enumeration.get_super().equal(h5py.h5t.STD_U8LE)
    assert h5py.check_enum_dtype(attribute.dtype) == {"none": 0, "by_id": 1, "by_time": 2}
    assert attribute.shape == ()
    assert h5["spikes/hidden"].attrs["sorting"] == 0


def test_columns(h5: h5py.File) -> None:
    types = {
        "timestamps": h5py.h5t.IEEE_F64LE,
        "node_ids": h5py.h5t.STD_U64LE,
        "sample": h5py.h5t.STD_U32LE,
        "spike_value": h5py.h5t.STD_I16LE,
        "t_crossing": h5py.h5t.IEEE_F64LE,
    }
    for name in SHAPES:
        group = h5["spikes"][name]
        assert set(group) == set(types)
        for column, kind in types.items():
            dataset = group[column]
            assert dataset.id.get_type().equal(kind)
            assert (dataset.shape, dataset.maxshape) == ((600,), (None,))
            packed = column in ("timestamps", "node_ids")
            assert (dataset.compression, dataset.shuffle) == (
                (None, False) if packed else ("gzip", True)
            )
            assert (dataset.scaleoffset is not None) == packed
        for column in ("timestamps", "t_crossing"):
            units = group[column].attrs.get_id("units").get_type()
            assert group[column].attrs["units"] == b"milliseconds"
            assert units.get_cset() == h5py.h5t.CSET_UTF8
        assert np.isnan(group["t_crossing"]).all()
        assert group.attrs["shape"].tolist() == list(SHAPES[name])
        assert (group.attrs["dt_ms"], group.attrs["steps"]) == (0.1, 50)


def test_timestamps_are_starts_of_steps_in_their_sample(path: Path) -> None:
    events = Events(*np.array([[1, 0], [0, 9], [7, 49]]), value=np.ones(2), dt=1e-4)
    rec = Recording(1e-4, 50, 2, {"a": (10,)}, {"a": events}, np.zeros((2, 1)))
    write(path, rec, rec, shapes={"a": (10,)})
    with h5py.File(path) as file:
        assert file["spikes/a/timestamps"][()] == pytest.approx([4.9, 0.7, 4.9, 0.7])
        assert file["spikes/a/sample"][()].tolist() == [0, 1, 2, 3]
        assert file["spikes/a/node_ids"][()].tolist() == [9, 0, 9, 0]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("dt", [1e-4, 1e-3, 1e-3 / 3, 2.5e-5, 1e-9])
def test_the_readers_of_sonata_open_it(path: Path, recording, compress: bool, dt: float) -> None:
    libsonata = pytest.importorskip("libsonata")
    rec = recording(1, 500, dt=dt)
    reader = libsonata.SpikeReader(str(write(path, rec, dt=dt, compress=compress)))
    assert set(reader.get_population_names()) == set(SHAPES)
    for name in SHAPES:
        population = reader[name]
        events = rec.events(name).sorted()
        raw = population.get_dict()
        assert population.sorting == "none"
        np.testing.assert_array_equal(raw["node_ids"], events.node)
        np.testing.assert_allclose(raw["timestamps"], events.time * 1e3, rtol=1e-14)


def test_describe_is_plain(path: Path, recording) -> None:
    summary = describe(write(path, recording(1, 500), provenance={"seed": 1}))
    assert json.loads(json.dumps(summary)) == {
        "path": str(path),
        "complete": True,
        "samples": 3,
        "populations": {
            "hidden": {"shape": [2, 5, 4], "dt": 1e-4, "steps": 50, "spikes": 500},
            "a first": {"shape": [10], "dt": 1e-4, "steps": 50, "spikes": 500},
        },
        "provenance": {"seed": 1},
    }


# Runs that fail


def test_a_failed_run_leaves_the_target_and_a_partial_file(path: Path, recording, same) -> None:
    first, second = recording(1, 100), recording(2, 50)
    write(path, first)
    earlier = path.read_bytes()
    writer = SpikeFileWriter(path, **RUN)
    with pytest.raises(KeyboardInterrupt), writer:  # noqa: PT012
        writer.append(second)
        raise KeyboardInterrupt
    assert path.read_bytes() == earlier
    assert writer.partial == path.with_name(".spikes.h5.part")
    partial = read_spikes(writer.partial)
    assert (partial.complete, partial.samples) == (False, 3)
    assert same(partial.populations["hidden"].events(), second.events("hidden").sorted())

    write(path, second)  # the next run that ends well replaces both
    assert read_spikes(path).populations["hidden"].spikes == 50
    assert [p.name for p in path.parent.iterdir()] == ["spikes.h5"]


def test_a_failure_to_compress_costs_no_spikes(
    path: Path, recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = SpikeFileWriter(path, **RUN)
    kept = r"spikes\.h5' cannot be written \(No space.*; the spikes are kept in '.*\.part', which"
    with pytest.raises(InputError, match=kept), writer:  # noqa: PT012
        writer.append(recording(1, 100))
        monkeypatch.setattr("brianbridge.io.hdf5_out.write_at", full)
    assert [p.name for p in path.parent.iterdir()] == [".spikes.h5.part"]
    assert read_spikes(writer.partial).populations["hidden"].spikes == 100


def odd(rec: Recording, **columns: float) -> Recording:
    """Put a value into the last spike of each column."""
    events = rec.events("hidden")
    changed = {c: np.append(getattr(events, c)[:-1], value) for c, value in columns.items()}
    return replace(rec, all_events={**rec.all_events, "hidden": replace(events, **changed)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: replace(r, dt=1e-3), r"does not belong in '.*spikes.h5'.*0.001.*0.0001"),
        (lambda r: replace(r, steps=51), r"does not belong .*51.*50"),
        (lambda r: replace(r, shapes={"hidden": (40,)}), r"does not belong .*\(40,\)"),
        (lambda r: odd(r, value=0.5), "'hidden' has a spike value of 0.5: expected int16"),
        (lambda r: odd(r, value=2.0**15), "spike value of 32768.0"),
        (lambda r: odd(r, value=np.nan), "spike value of nan"),
        (lambda r: odd(r, node=40), "spike of node 40: expected < 40"),
        (lambda r: odd(r, node=-1), "spike of node -1"),
        (lambda r: odd(r, step=50), "spike of step 50"),
        (lambda r: odd(r, sample=3), "spike of sample 3"),
    ],
)
def test_a_recording_that_does_not_fit_is_refused_whole(
    path: Path, recording, same, change, message: str
) -> None:
    good = recording(1, 100)
    with SpikeFileWriter(path, **RUN) as spikes:
        spikes.append(good)
        with pytest.raises(InputError, match=message):
            spikes.append(change(good))
        spikes.append(good)
    whole = Recording.concatenate([good, good])
    for name, population in read_spikes(path).populations.items():
        assert same(population.events(), whole.events(name).sorted())


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"shapes": {}}, "at least one population"),
        ({"shapes": {"a/b": (1,)}}, "names without '/': found"),
        ({"shapes": {".": (1,)}}, "names without '/'"),
        ({"dt": 0.0}, "dt > 0 and steps > 0, not dt = 0.0 s"),
        ({"dt": math.nan}, "dt > 0"),
        ({"steps": 0}, "steps = 0"),
        ({"provenance": {"loss": math.nan}}, "plain JSON"),
        ({"provenance": {"net": object()}}, "plain JSON"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(path: Path, description, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SpikeFileWriter(path, **{**RUN, **description})


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        SpikeFileWriter(tmp_path, **RUN)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file has that name"):
        SpikeFileWriter(tmp_path / "file" / "spikes.h5", **RUN)


def test_append_outside_a_with_block(path: Path, recording) -> None:
    with pytest.raises(RuntimeError, match="with SpikeFileWriter"):
        SpikeFileWriter(path, **RUN).append(recording(1, 1))


# Memory


def test_the_writer_lets_go_of_what_it_wrote(path: Path, recording) -> None:
    with SpikeFileWriter(path, **RUN) as spikes:
        rec = recording(1, 100)
        gone = [weakref.ref(rec), weakref.ref(rec.events("hidden").step)]
        spikes.append(rec)
        del rec
        assert [ref() for ref in gone] == [None, None]


def test_memory_does_not_grow_with_the_run(path: Path, recording) -> None:
    rec = recording(1, 1400)
    with SpikeFileWriter(path, **RUN) as spikes:
        spikes.append(rec)
        tracemalloc.start()
        for _ in range(30):
            spikes.append(rec)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert held < 100_000  # 30 batches have 2.5 MB of columns
