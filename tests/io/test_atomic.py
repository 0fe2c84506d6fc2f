from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from brianbridge.errors import InputError
from brianbridge.io.atomic import atomic_path, writable_file, writable_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_target_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "verdict.json"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".part")
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(target.parent) == ["verdict.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_earlier_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "verdict.json"
    target.write_text("earlier")
    with pytest.raises(error), atomic_path(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert target.read_text() == "earlier"
    assert names(tmp_path) == ["verdict.json"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("earlier")
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "earlier"


def test_two_writers_of_one_target_do_not_share_a_file(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a") as one, atomic_path(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"  # renamed last


def test_bytes_reach_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("")
    assert calls == ["fsync", "replace"]


def test_the_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_text("")
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "ordinary")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("write", [writable_file, lambda path: atomic_path(path).__enter__()])
def test_a_folder_is_no_target(tmp_path: Path, write) -> None:
    with pytest.raises(InputError, match=f"'{tmp_path}' is a folder: give the name of a file"):
        write(tmp_path)


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
