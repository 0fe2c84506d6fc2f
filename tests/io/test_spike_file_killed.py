"""What a run leaves on disk when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brianbridge.errors import InputError
from brianbridge.io.spikes.file import SpikeFileWriter, read_spikes
from brianbridge.recording import Recording

RUN = {"shapes": {"hidden": (2, 5, 4), "a first": (10,)}, "dt": 1e-4, "steps": 50}

# Appends without end, and says so after each batch.
ENDLESS = textwrap.dedent("""
    import itertools, sys
    sys.path.insert(0, sys.argv[2])
    from random_recordings import SHAPES, STEPS, DT, random_recording
    from brianbridge.io.spikes.file import SpikeFileWriter
    with SpikeFileWriter(sys.argv[1], SHAPES, DT, STEPS, {"seed": 1}) as spikes:
        for seed in itertools.count():
            spikes.append(random_recording(seed, 100 + seed % 300))
            print(seed, flush=True)
""")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
@pytest.mark.parametrize("appended", [1, 25])
def test_sigkill(tmp_path: Path, recording, same, appended: int) -> None:
    path, partial = tmp_path / "spikes.h5", tmp_path / ".spikes.h5.part"
    path.write_bytes(b"an earlier file")
    command = [sys.executable, "-c", ENDLESS, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(appended):
            said = int(process.stdout.readline())
        with pytest.raises(InputError, match=r"\.part' is still being written"):
            read_spikes(partial)
        os.kill(process.pid, signal.SIGKILL)

    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"an earlier file"
    file = read_spikes(partial)
    assert not file.complete
    assert file.provenance == {"seed": 1}
    batches = file.samples // 3
    assert batches >= said + 1
    whole = Recording.concatenate([recording(seed, 100 + seed % 300) for seed in range(batches)])
    for name, population in file.populations.items():
        assert same(population.events(), whole.events(name).sorted())


def test_a_file_cut_off_anywhere_keeps_every_whole_batch(tmp_path: Path, recording, same) -> None:
    """The file only grows: a kill at any moment leaves the beginning of it."""
    batches = [recording(seed, spikes) for seed, spikes in enumerate([20, 40, 0, 7])]
    writer = SpikeFileWriter(tmp_path / "spikes.h5", **RUN)
    writer.__enter__()
    ends = [writer.partial.stat().st_size]
    for batch in batches:
        writer.append(batch)
        ends.append(writer.partial.stat().st_size)
    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    contents = writer.partial.read_bytes()
    assert len(contents) == ends[-1]
    assert ends == sorted(ends)
    left = tmp_path / "left.part"
    lengths = {length + off for length in ends for off in (-9, -1, 0, 1, 120)}
    for length in sorted({*lengths, *range(ends[0], len(contents), 61)}):
        if not ends[0] <= length <= len(contents):
            continue
        left.write_bytes(contents[:length])
        file = read_spikes(left)
        written = sum(end <= length for end in ends[1:])
        assert (file.complete, file.samples) == (False, 3 * written)
        if length in lengths:
            for name, population in file.populations.items():
                whole = [b.events(name).sorted() for b in batches[:written]]
                assert population.spikes == sum(map(len, whole))
                if written:
                    joined = Recording.concatenate(batches[:written]).events(name).sorted()
                    assert same(population.events(), joined)
    for length in range(25, ends[0], 11):  # not yet a file
        left.write_bytes(contents[:length])
        with pytest.raises(InputError, match=r"left\.part' is damaged"):
            read_spikes(left)


def test_a_log_of_version_1_is_read(tmp_path: Path, recording, same) -> None:
    """Its columns have the types of the spike file, and its times are in ms."""
    rec, path = recording(1, 100), tmp_path / ".s.h5.part"
    run = {**RUN, "shapes": list(RUN["shapes"].items()), "provenance": {"seed": 1}}
    text, numbers, columns = json.dumps(run).encode(), [rec.samples], b""
    for name in RUN["shapes"]:
        events = rec.events(name).sorted()
        numbers.append(len(events))
        for values in (
            (events.step * (RUN["dt"] * 1e3)).astype("<f8"),
            events.node.astype("<u8"),
            events.sample.astype("<u4"),
            events.value.astype("<i2"),
        ):
            numbers.append(zlib.crc32(values.tobytes()))
            columns += values.tobytes()
        numbers.append(1 << 32)  # no crossing
    head = np.array([len(text), zlib.crc32(text)], "<u8").tobytes()
    table = np.array(numbers, "<u8").tobytes()
    crc = np.array([zlib.crc32(table)], "<u8").tobytes()
    path.write_bytes(b"brianbridge spike log 1\n" + head + text + table + crc + columns)
    file = read_spikes(path)
    assert (file.complete, file.samples, file.provenance) == (False, rec.samples, {"seed": 1})
    for name, population in file.populations.items():
        wanted = replace(rec.events(name).sorted(), t_crossing=None)
        assert same(population.events(), wanted)
