"""What a killed writer leaves is removed by the next one; files that still grow are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brianbridge.io import part_file
from brianbridge.io.atomic import atomic_descriptor, write_whole
from brianbridge.io.descriptor import write_at

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is removed on Windows")

WRITER = """
import sys, time
from brianbridge.io.atomic import atomic_descriptor
with atomic_descriptor(sys.argv[1]):
    print("writing", flush=True)
    time.sleep(100)
"""


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def test_a_killed_writer_leaves_nothing_after_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "network.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        (left,) = parts(tmp_path)
        write_whole(target, "first")
        assert parts(tmp_path) == [left]  # it is still being written
        writer.send_signal(signal.SIGKILL)
    write_whole(tmp_path / "network.h5.other", "of another target")
    assert parts(tmp_path) == [left]
    write_whole(target, "second")
    assert parts(tmp_path) == []
    assert target.read_text() == "second"


def test_a_writer_of_the_same_process_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "verdict.json"
    with atomic_descriptor(target) as descriptor:
        write_whole(target, "inner")
        write_at(descriptor, b"outer", 0)
    assert target.read_text() == "outer"
    assert parts(tmp_path) == []


def test_a_file_that_is_about_to_get_its_name_is_left_alone(tmp_path, monkeypatch) -> None:
    target, replace = tmp_path / "verdict.json", os.replace

    def replaced(part, target):
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            write_whole(target, "another writer's")
        replace(part, target)

    monkeypatch.setattr(os, "replace", replaced)
    write_whole(target, "last")
    assert target.read_text() == "last"
    assert parts(tmp_path) == []


def test_files_of_other_computers_and_without_locks_stay(tmp_path, monkeypatch) -> None:
    target = tmp_path / "verdict.json"
    part, descriptor = part_file.open_part(target)
    os.close(descriptor)
    with monkeypatch.context() as patch:
        patch.setattr(part_file.platform, "node", lambda: "another computer")
        write_whole(target, "text")
    assert parts(tmp_path) == [part.name]
    with monkeypatch.context() as patch:
        patch.setattr(part_file, "fcntl", None)
        write_whole(target, "text")
    assert parts(tmp_path) == [part.name]
    write_whole(target, "text")
    assert parts(tmp_path) == []


def test_a_link_in_place_of_the_hidden_file_is_not_followed(tmp_path) -> None:
    target, precious = tmp_path / "verdict.json", tmp_path / "precious"
    precious.write_text("keep me")
    part, descriptor = part_file.open_part(target)
    os.close(descriptor)
    part.unlink()
    part.symlink_to(precious)
    write_whole(target, "text")
    assert precious.read_text() == "keep me"
    assert target.read_text() == "text"
