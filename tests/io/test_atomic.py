from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from brianbridge.errors import InputError
from brianbridge.io.atomic import (
    atomic_descriptor,
    writable_file,
    writable_folder,
    write_whole,
)
from brianbridge.io.descriptor import write_at


@contextmanager
def refused(message: str) -> Iterator[None]:
    """Expect an error of one line."""
    with pytest.raises(InputError, match=message) as caught:
        yield
    assert "\n" not in str(caught.value)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_target_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "verdict.json"
    with atomic_descriptor(target) as descriptor:
        write_at(descriptor, b"wh", 0)
        write_at(descriptor, b"ole", 2)
        (part,) = names(target.parent)
        assert part.startswith(".verdict.json.")
        assert part.endswith(".part")
    assert target.read_text() == "whole"
    assert names(target.parent) == ["verdict.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_an_exception_leaves_the_earlier_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "verdict.json"
    target.write_text("earlier")
    with pytest.raises(error), atomic_descriptor(target) as descriptor:  # noqa: PT012
        write_at(descriptor, b"half", 0)
        raise error
    assert target.read_text() == "earlier"
    assert names(tmp_path) == ["verdict.json"]


def test_two_writers_of_one_target_do_not_share_a_file(tmp_path: Path) -> None:
    with atomic_descriptor(tmp_path / "a") as one, atomic_descriptor(tmp_path / "a") as other:
        write_at(one, b"one", 0)
        write_at(other, b"other", 0)
    assert (tmp_path / "a").read_text() == "one"  # renamed last


def test_contents_and_then_the_name_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append("fsync of the folder" if folder else "fsync")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    write_whole(tmp_path / "a", "text")
    assert calls == ["fsync", "replace", "fsync of the folder"]


def test_the_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_text("")
    write_whole(tmp_path / "a", "")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "ordinary")]
    assert modes[0] == modes[1]


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    name = 85 * "網"  # 255 bytes
    write_whole(tmp_path / name, "text")
    assert names(tmp_path) == [name]


# What is no target


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with refused(f"'{tmp_path}' is a folder: give the name of a file"):
        write_whole(tmp_path, "")
    with refused(f"'{tmp_path}' is a folder: give the name of a file"):
        writable_file(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX special files")
@pytest.mark.parametrize("linked", [False, True])
def test_special_files_are_no_targets(tmp_path: Path, linked: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        targets = {
            tmp_path / "fifo": "a named pipe",
            tmp_path / "socket": "a socket",
            Path("/dev/null"): "a device",
        }
        for target, kind in targets.items():
            path = target
            if linked:
                path = tmp_path / "link"
                path.unlink(missing_ok=True)
                path.symlink_to(target)
            before = target.stat()
            for write in (writable_file, lambda path: write_whole(path, "text")):
                with refused(f"'{path}' is {kind}: give the name of a file"):
                    write(path)
            assert target.stat().st_ino == before.st_ino
            assert target.stat().st_mode == before.st_mode
    assert not [name for name in names(tmp_path) if name.endswith(".part")]


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "real").write_text("earlier")
    (tmp_path / "far").symlink_to("data/real")
    (tmp_path / "link").symlink_to("far")  # a link to a link, both relative
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "data" / "real").read_text() == "new"
    assert not (tmp_path / "data" / "real").is_symlink()
    assert (tmp_path / "link").readlink() == Path("far")
    assert names(tmp_path) == ["data", "far", "link"]
    assert names(tmp_path / "data") == ["real"]


def test_a_link_to_nothing_makes_the_file_but_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink()

    (tmp_path / "away").symlink_to("unmounted/real")
    with refused(r"away' is a link to '.*unmounted/real', whose folder does not exist: make"):
        write_whole(tmp_path / "away", "new")
    assert names(tmp_path) == ["away", "link", "real"]


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with refused("loop' cannot be written"):
        write_whole(tmp_path / "loop", "new")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "None is not a path; give a string"),
        (7, "7 is not a path"),
        (b"bytes.json", "b'bytes.json' is not a path"),
        (["a"], "is not a path"),
        ("", "'' is not a path"),
        ("a\0b", r"'a\\x00b' is not a path; it holds a character that no file name can have"),
        ("\ud800", "is not a path; it holds a character"),
        (300 * "n", "is too long for a file system"),
        (300 * "n" + "/a", "is too long for a file system"),
        (f"{5000 * 'n/'}a", "is too long for a file system"),
    ],
)
def test_what_is_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (writable_file, lambda path: write_whole(path, "")):
        with refused(message):
            use(path)
    assert names(tmp_path) == []


def test_what_is_no_path_to_a_folder() -> None:
    for path in (None, 7, b"x", "a\0b", 300 * "n"):
        with refused("is not a path|is too long"):
            writable_folder(path)  # type: ignore[arg-type]


# What the disk refuses


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, r"\(No space left on device\): it takes up to 4 bytes, and .* are free "),
        (errno.EDQUOT, r"quota.*: it takes up to 4 bytes, and .* free there; make room or choose"),
        (errno.EFBIG, r"\(File too large\): it takes up to 4 bytes, and the file system takes no"),
        (errno.EIO, r"\(Input/output error\): choose another folder"),
        (errno.EROFS, r"\(Read-only file system\): choose another folder"),
    ],
)
def test_a_write_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    (tmp_path / "a").write_text("earlier")

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with refused(rf"'{tmp_path / 'a'}' cannot be written .*{message}"):
            write_whole(tmp_path / "a", "text")
    assert (tmp_path / "a").read_text() == "earlier"
    assert names(tmp_path) == ["a"]


def test_writes_that_take_only_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    write_whole(tmp_path / "a", "0123456789")
    assert (tmp_path / "a").read_text() == "0123456789"


# Folders


def test_a_folder_is_made_with_its_parents_and_nothing_in_it(tmp_path: Path) -> None:
    folder = writable_folder(tmp_path / "a" / "b")
    assert folder == writable_folder(str(folder)) == tmp_path / "a" / "b"
    assert names(folder) == []


@pytest.mark.parametrize("below", ["", "results", "results/run-1"])
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "out").write_text("mine")
    folder = tmp_path / "out" / below
    with pytest.raises(InputError, match=r"a file has that name.* choose another") as caught:
        writable_folder(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """Give a folder in which we, even if started as root, may not write."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        folder.rmdir()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("below", ["", "run-1"])
def test_no_permission(nobodys_folder: Path, below: str) -> None:
    with pytest.raises(InputError, match=r"Permission denied.*: choose a folder") as caught:
        writable_folder(nobodys_folder / below)
    assert str(nobodys_folder / below) in str(caught.value)


def test_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kw: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"Read-only file system\): choose a folder"):
        writable_folder(tmp_path)


def test_importing_it_does_not_import_hdf5() -> None:
    code = "import sys, brianbridge.io.atomic; sys.exit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
