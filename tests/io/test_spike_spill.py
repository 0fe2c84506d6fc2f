"""A long run fills its spike file while it goes on, and keeps a short log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from spike_files import RUN, write

from brianbridge.errors import InputError
from brianbridge.io.hdf5_out import Hdf5Sink
from brianbridge.io.spikes import chunks, digest, growing, layout, stored, writer
from brianbridge.io.spikes.file import SpikeFileWriter, check_spikes, read_spikes
from brianbridge.recording import Recording

ROWS = 64  # of a chunk


def shorten(set_attribute, rows: int = ROWS) -> None:
    """Make chunks and logs short."""
    for module in (chunks, digest, growing, layout, stored):
        set_attribute(module, "CHUNK", rows)
    set_attribute(writer, "SHORT_LOG", 500)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch.setattr)


def batches(recording, number: int = 12) -> list[Recording]:
    return [recording(seed, 30 + 17 * seed) for seed in range(number)]


def check_equal(file, wanted: list[Recording], same) -> None:
    whole = Recording.concatenate(wanted)
    assert file.samples == whole.samples
    for name, population in file.populations.items():
        assert same(population.events(), whole.events(name).sorted())


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("dt", [1e-4, 1e-3 / 3])
def test_nothing_differs(tmp_path: Path, recording, same, compress: bool, dt: float) -> None:
    wanted = [recording(seed, 30 + 17 * seed, dt=dt) for seed in range(12)]
    path = write(tmp_path / "s.h5", *wanted, compress=compress, dt=dt)
    check_equal(read_spikes(path), wanted, same)
    assert check_spikes(path) == "all is as it was written"
    assert [p.name for p in tmp_path.iterdir()] == ["s.h5"]


def test_the_log_stays_short(tmp_path: Path, recording, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch.setattr, rows=4096)
    rec, longest, disk = recording(1, 1000), 0, []
    with SpikeFileWriter(tmp_path / "s.h5", **RUN) as spikes:
        for _ in range(300):
            spikes.append(rec)
            longest = max(longest, spikes.partial.stat().st_size)
            disk.append(sum(p.stat().st_size for p in tmp_path.iterdir()))
    final = (tmp_path / "s.h5").stat().st_size
    assert final > 500_000
    assert longest < 0.3 * final
    assert max(disk) < 1.3 * final


@pytest.mark.parametrize("error", [KeyboardInterrupt, None])
def test_a_run_that_fails_keeps_its_spikes(tmp_path: Path, recording, same, error) -> None:
    wanted = batches(recording)
    spikes = SpikeFileWriter(tmp_path / "s.h5", **RUN)
    with pytest.raises((KeyboardInterrupt, InputError)) as caught, spikes:  # noqa: PT012
        for batch in wanted:
            spikes.append(batch)
        if error is None:
            (tmp_path / "s.h5").mkdir()  # the last step fails
        else:
            raise error
    if error is None:
        assert "the spikes are kept in" in str(caught.value)
        (tmp_path / "s.h5").rmdir()
    file = read_spikes(spikes.partial)
    assert not file.complete
    check_equal(file, wanted, same)
    (data,) = (p for p in tmp_path.iterdir() if p != spikes.partial)
    contents = data.read_bytes()
    for name in ("hidden", "a first"):
        place = stored_place(spikes.partial, name)
        damaged = bytearray(contents)
        damaged[place] ^= 1
        data.write_bytes(damaged)
        with pytest.raises(InputError, match=r"is damaged: chunk 1, node_ids of"):
            file.populations[name].events()
    data.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="move both files together"):
        file.populations["hidden"].events()
    write(tmp_path / "s.h5", *wanted)
    assert {p.name for p in tmp_path.iterdir()} == {"elsewhere", "s.h5"}


def stored_place(partial: Path, name: str) -> int:
    from brianbridge.io.spikes.log import opened_log

    with opened_log(partial) as log:
        assert log.stored is not None
        return int(log.stored.places[name]["node_ids"][0, 0])


ENDLESS = textwrap.dedent("""
    import itertools, sys
    sys.path.insert(0, sys.argv[2])
    from random_recordings import SHAPES, STEPS, DT, random_recording
    from test_spike_spill import shorten
    from brianbridge.io.spikes.file import SpikeFileWriter
    shorten(setattr)
    with SpikeFileWriter(sys.argv[1], SHAPES, DT, STEPS, {"seed": 1}) as spikes:
        for seed in itertools.count():
            spikes.append(random_recording(seed, 100 + seed % 300))
            print(seed, flush=True)
""")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
@pytest.mark.parametrize("appended", [3, 40])
def test_a_kill_keeps_every_batch(tmp_path: Path, recording, same, appended: int) -> None:
    command = [sys.executable, "-c", ENDLESS, str(tmp_path / "s.h5"), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(appended):
            said = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    file = read_spikes(tmp_path / ".s.h5.part")
    assert not file.complete
    assert file.samples // 3 >= said + 1
    check_equal(file, [recording(s, 100 + s % 300) for s in range(file.samples // 3)], same)
    write(tmp_path / "s.h5", recording(1, 20))
    assert [p.name for p in tmp_path.iterdir()] == ["s.h5"]


def test_a_table_that_is_damaged(tmp_path: Path, recording) -> None:
    spikes = SpikeFileWriter(tmp_path / "s.h5", **RUN)
    with pytest.raises(KeyboardInterrupt), spikes:  # noqa: PT012
        for batch in batches(recording):
            spikes.append(batch)
        raise KeyboardInterrupt
    good = spikes.partial.read_bytes()
    end = good.index(b"}", good.index(b'"stored"'))
    rng = np.random.default_rng(0)
    told = 0
    for place in rng.integers(0, end + 600, 60):
        data = bytearray(good)
        data[place] ^= 1 << int(rng.integers(8))
        spikes.partial.write_bytes(data)
        with pytest.raises(InputError):
            read_spikes(spikes.partial)
        told += 1
    assert told == 60


def test_the_place_of_a_chunk_is_found_if_hdf5_writes_more_than_it(
    tmp_path: Path, recording, same, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_more(sink: Hdf5Sink, data: bytes) -> int:
        count = plain(sink, data)
        sink.last = (0, 0)
        return count

    plain = Hdf5Sink.write
    monkeypatch.setattr(Hdf5Sink, "write", write_more)
    wanted = batches(recording)
    check_equal(read_spikes(write(tmp_path / "s.h5", *wanted)), wanted, same)
