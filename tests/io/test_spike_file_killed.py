"""What a run leaves on disk when it is killed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import pytest

from brianbridge.errors import InputError
from brianbridge.io.spike_file import SpikeFileWriter, read_spikes
from brianbridge.recording import Recording

RUN = {"shapes": {"hidden": (2, 5, 4), "a first": (10,)}, "dt": 1e-4, "steps": 50}

# Appends without end, and says so after each batch.
ENDLESS = textwrap.dedent("""
    import itertools, sys
    sys.path.insert(0, sys.argv[2])
    from conftest import SHAPES, STEPS, DT, random_recording
    from brianbridge.io.spike_file import SpikeFileWriter
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


class Journal(io.BytesIO):
    """Be a file, and remember after which write it had which contents."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[int, bytes | None]] = []

    def write(self, data) -> int:  # type: ignore[override]
        self.writes.append((self.tell(), bytes(data)))
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        self.writes.append((size, None))
        length = super().seek(0, io.SEEK_END)
        super().write(bytes(max(0, size - length)))  # BytesIO does not grow, files do
        return super().truncate(size)

    def states(self):
        """Yield how many writes were made, and the contents that they leave."""
        contents = bytearray()
        for done, (start, data) in enumerate(self.writes, start=1):
            end = start + len(data or b"")
            contents.extend(bytes(max(0, end - len(contents))))
            if data is None:
                del contents[start:]
            else:
                contents[start:end] = data
            yield done, contents


def test_a_kill_after_any_write_costs_no_batch(
    tmp_path: Path, recording, same, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, real = Journal(), h5py.File
    with monkeypatch.context() as patch:
        patch.setattr(h5py, "File", lambda _, *args, **kw: real(journal, *args, **kw))
        writer = SpikeFileWriter(tmp_path / "spikes.h5", **RUN)
        writer.__enter__()
        marks = [len(journal.writes)]
        batches = [recording(seed, spikes) for seed, spikes in enumerate([60, 400, 0, 7])]
        for batch in batches:
            writer.append(batch)
            marks.append(len(journal.writes))
        writer.__exit__(KeyboardInterrupt)  # closing a failed run writes, too

    left = tmp_path / "left.h5"
    seen = set()
    for done, contents in journal.states():
        if done < marks[0]:
            continue  # not yet a file
        left.write_bytes(contents)
        file = read_spikes(left)
        assert not file.complete
        written = file.samples // 3
        returned = sum(mark <= done for mark in marks[1:])
        assert written in (returned, returned + 1)
        seen.add(written)
        for name, population in file.populations.items():
            if written:
                whole = Recording.concatenate(batches[:written]).events(name).sorted()
                assert same(population.events(), whole)
            else:
                assert population.spikes == 0
    assert seen == {0, 1, 2, 3, 4}
    assert len(journal.writes) > 50  # or nothing was put to the test
