"""Spikes go to the formats of other tools and come back as they were."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_recordings import random_recording, same_events

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.errors import InputError
from brianbridge.io import convert_spikes, read_recording, write_spikes
from brianbridge.recording import Events, Recording

pytest.importorskip("pyarrow")
pytest.importorskip("pynwb")

FORMATS = ["h5", "csv", "parquet", "nwb"]


def with_crossing(recording: Recording) -> Recording:
    """Let two of three spikes of one population know when they crossed the threshold."""
    events = recording.events("hidden").sorted()
    known = np.where(np.arange(len(events)) % 3, events.time + 1e-5, np.nan)
    every = {**recording.all_events, "hidden": replace(events, t_crossing=known)}
    return replace(recording, all_events=every)


def check_same(found: Recording, wanted: Recording) -> None:
    assert (found.dt, found.steps, found.samples) == (wanted.dt, wanted.steps, wanted.samples)
    assert dict(found.shapes) == dict(wanted.shapes)
    assert list(found.shapes) == list(wanted.shapes)
    for name in wanted.shapes:
        ours, theirs = found.events(name), wanted.events(name).sorted()
        assert same_events(ours, theirs)
        assert (ours.t_crossing is None) == (theirs.t_crossing is None)
        if theirs.t_crossing is not None:
            np.testing.assert_allclose(ours.t_crossing, theirs.t_crossing, rtol=1e-12)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("spikes", [0, 500])
def test_a_recording_comes_back(tmp_path: Path, ending: str, spikes: int) -> None:
    recording = random_recording(1, spikes)
    recording = with_crossing(recording) if spikes else recording
    write_spikes(recording, tmp_path / f"s.{ending}", {"seed": 1})
    check_same(read_recording(tmp_path / f"s.{ending}"), recording)
    assert [p.name for p in tmp_path.iterdir()] == [f"s.{ending}"]


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_any_format_becomes_any_other(tmp_path: Path, source: str, target: str) -> None:
    recording = with_crossing(random_recording(2, 200))
    write_spikes(recording, tmp_path / f"a.{source}", {"seed": 1})
    convert_spikes(tmp_path / f"a.{source}", tmp_path / f"b.{target}")
    check_same(read_recording(tmp_path / f"b.{target}"), recording)
    convert_spikes(tmp_path / f"b.{target}", tmp_path / "c.h5")
    assert bb.read_spikes(tmp_path / "c.h5").provenance == {"seed": 1}


def test_a_run_that_was_killed_is_converted(tmp_path: Path) -> None:
    recording = random_recording(3, 100)
    writer = bb.io.SpikeFileWriter(tmp_path / "s.h5", recording.shapes, 1e-4, 50)
    with pytest.raises(KeyboardInterrupt), writer:  # noqa: PT012
        writer.append(recording)
        raise KeyboardInterrupt
    convert_spikes(writer.partial, tmp_path / "s.csv")
    check_same(read_recording(tmp_path / "s.csv"), recording)


def test_pandas_reads_the_tables(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    recording = random_recording(4, 50)
    write_spikes(recording, tmp_path / "s.csv")
    write_spikes(recording, tmp_path / "s.parquet")
    for table in (
        pandas.read_csv(tmp_path / "s.csv", comment="#"),
        pandas.read_parquet(tmp_path / "s.parquet"),
    ):
        assert list(table) == ["population", "sample", "neuron", "time_ms", "value"]
        of = table[table.population == "a first"]
        events = recording.events("a first").sorted()
        np.testing.assert_array_equal(of.neuron, events.node)
        np.testing.assert_array_equal(of.time_ms, events.step * 0.1)


def test_pynwb_reads_the_units(tmp_path: Path) -> None:
    import pynwb

    recording = random_recording(5, 120)
    write_spikes(recording, tmp_path / "s.nwb")
    assert not pynwb.validate(path=str(tmp_path / "s.nwb"))
    with pynwb.NWBHDF5IO(str(tmp_path / "s.nwb"), "r") as io:
        file = io.read()
        assert len(file.units) == 50
        assert file.trials["start_time"][:].tolist() == pytest.approx([0, 5e-3, 10e-3])
        row = next(i for i in range(50) if file.units["population"][i] == "a first") + 3
        events = recording.events("a first").sorted()
        times = (events.sample * 50 + events.step)[events.node == 3] * 1e-4
        np.testing.assert_allclose(file.units["spike_times"][row], times)


def test_many_spikes_are_sorted_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brianbridge.io.spikes.exchange import nwb

    monkeypatch.setattr(nwb, "_AT_ONCE", 40)
    monkeypatch.setattr(nwb, "_BUFFER", 64)
    recording = with_crossing(random_recording(6, 400))
    write_spikes(recording, tmp_path / "s.nwb")
    check_same(read_recording(tmp_path / "s.nwb"), recording)


@pytest.mark.parametrize("ending", ["csv", "parquet", "nwb"])
def test_a_conversion_is_streamed(tmp_path: Path, ending: str) -> None:
    """The memory does not grow with the file."""
    sample, step, node = np.unravel_index(np.arange(600_000), (3, 200, 1000))
    events = Events(sample, node, step, np.ones(600_000), 1e-3)
    recording = Recording(1e-3, 200, 3, {"a": (1000,)}, {"a": events}, np.zeros((3, 1)))
    peaks = []
    for number in (1, 4):
        path = tmp_path / f"{number}.h5"
        with bb.io.SpikeFileWriter(path, recording.shapes, 1e-3, 200) as writer:
            for _ in range(number):
                writer.append(recording)
        tracemalloc.start()
        convert_spikes(path, tmp_path / f"{number}.{ending}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    room = 80e6 if ending == "nwb" else 1e6  # NWB sorts a million spikes at once
    assert peaks[1] < peaks[0] + room


def test_neo_and_back() -> None:
    neo = pytest.importorskip("neo")
    recording = with_crossing(random_recording(7, 100))
    block = bb.io.to_neo(recording)
    assert isinstance(block, neo.Block)
    assert [len(segment.spiketrains) for segment in block.segments] == [50, 50, 50]
    check_same(bb.io.from_neo(block), recording)
    with pytest.raises(InputError, match="give a block that to_neo made"):
        bb.io.from_neo(neo.Block())


@pytest.mark.parametrize("graded", [True, False])
def test_nir_data_and_back(graded: bool) -> None:
    data_ir = pytest.importorskip("nir.data_ir")
    recording = random_recording(8, 100)
    if not graded:
        ones = {n: replace(e, value=np.ones(len(e))) for n, e in recording.all_events.items()}
        recording = replace(recording, all_events=ones)
    data = bb.io.to_nir_data(recording)
    spikes = data.nodes["hidden"].observables["spikes"]
    assert isinstance(spikes, data_ir.ValuedEventData) == graded
    check_same(bb.io.from_nir_data(data, 1e-4, recording.shapes), recording)
    grid = data_ir.NIRNodeData({"spikes": spikes.to_time_gridded(1e-4)})
    back = bb.io.from_nir_data(data_ir.NIRGraphData({"hidden": grid}), 1e-4)
    events = back.events("hidden").sorted()
    assert len(events) == len(recording.events("hidden"))
    with pytest.raises(InputError, match=r"give dt=0\.0001"):
        bb.io.from_nir_data(data_ir.NIRGraphData({"hidden": grid}), 1e-3)
    with pytest.raises(InputError, match="no node has 'spikes'"):
        bb.io.from_nir_data(data_ir.NIRGraphData({}), 1e-3)


def test_files_of_other_programs_need_a_step(tmp_path: Path) -> None:
    from test_foreign_spike_files import foreign

    path = foreign(tmp_path / "f.h5")
    with pytest.raises(InputError, match="does not state its time step: give it"):
        convert_spikes(path, tmp_path / "f.csv")
    convert_spikes(path, tmp_path / "f.csv", dt=1e-4)
    recording = read_recording(tmp_path / "f.csv")
    assert recording.events("V1").step.tolist() == [1, 3, 123]
    assert (recording.shapes, recording.steps) == ({"V1": (8,)}, 124)


@pytest.mark.parametrize("ending", ["csv", "parquet", "nwb"])
def test_files_that_are_none_of_ours(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"s.{ending}"
    with pytest.raises(InputError, match=r"there is no (such )?file"):
        read_recording(path)
    path.write_bytes(b"sample,neuron\n1,2\n")
    with pytest.raises(InputError, match=rf"s\.{ending}'") as caught:
        read_recording(path)
    assert "\n" not in str(caught.value)


def test_damage_of_a_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_spikes(random_recording(9, 20), path)
    text = path.read_text()
    row = text.splitlines()[5]
    for old, new in [
        ('"steps"', '"stpes"'),
        ('"population"', '"populatoin"'),
        ('"hidden",', '"hiden",'),
        (row, '"hidden",1,x,0,1'),
        (row, '"hidden",1'),
    ]:
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError) as caught:
            read_recording(path)
        assert "\n" not in str(caught.value)


def test_columns_whose_names_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_spikes(random_recording(9, 20), path)
    path.write_bytes(path.read_bytes().replace(b'"neuron"', b'"neur\xee"'))
    with pytest.raises(InputError, match="cannot be read or is damaged"):
        read_recording(path)


def test_steps_too_long_for_a_number_of_32_bits(tmp_path: Path) -> None:
    one = np.zeros(1, np.int64)
    events = Events(one, one, one + 3, one + 1, dt=1e4)
    recording = replace(
        random_recording(9, 0), dt=1e4, steps=9, samples=1, shapes={"a": (1,)}, output=None,
        all_events={"a": events}, traces={},
    )  # fmt: skip
    write_spikes(recording, tmp_path / "s.csv")
    convert_spikes(tmp_path / "s.csv", tmp_path / "s.h5")
    assert read_recording(tmp_path / "s.h5").events("a").step.tolist() == [3]


def test_endings_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.h5, \.csv, \.parquet, \.nwb"):
        write_spikes(random_recording(1, 1), tmp_path / "s.mat")
    write_spikes(random_recording(1, 1), tmp_path / "s.csv")
    with pytest.raises(InputError, match="is the file to read"):
        convert_spikes(tmp_path / "s.csv", tmp_path / "s.csv")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    recording = random_recording(1, 30)
    write_spikes(recording, tmp_path / "s.h5")
    command = ["spikes", "convert", str(tmp_path / "s.h5"), str(tmp_path / "s.parquet")]
    assert main(command) == 0
    assert "s.parquet" in capsys.readouterr().out
    check_same(read_recording(tmp_path / "s.parquet"), recording)
    assert main([*command[:-1], str(tmp_path / "s.txt")]) == 2
    assert "no ending of a format" in capsys.readouterr().err
