"""Write files whole or not at all.

A program that is killed in the middle of `open(target, "w")` has destroyed the earlier file and
leaves half of a new one. Here the new file grows under a hidden name beside the target, and takes
its place in one step when it is whole and on the disk. If that fails, the hidden file is removed,
the earlier file stays, and the error is one line that says what to do. The hidden file of a program
that was killed is removed by the next one that writes the same target.

Every file of the package is written by `write_whole`, or by `atomic_descriptor` if it is too large
for memory.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brianbridge.errors import InputError
from brianbridge.io.descriptor import write_at
from brianbridge.io.part_file import lock_kept, open_part
from brianbridge.io.write_errors import folder_not_writable, not_written
from brianbridge.paths import checked_path

__all__ = [
    "atomic_descriptor",
    "give_name",
    "writable_file",
    "writable_folder",
    "write_whole",
]

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """Create an output folder if there is none, and check that files can be written there.

    Call it before long work, so that hours of simulation do not end in "permission denied".

    Parameters
    ----------
    path : path-like
        The folder; its parents are created too.

    Returns
    -------
    pathlib.Path
        The folder, which now exists.

    Raises
    ------
    InputError
        If a file has that name, or the folder cannot be created or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as base:
    ...     writable_folder(f"{base}/results/run-1").is_dir()
    True
    """
    folder = checked_path(path)
    _make_folder(folder)
    try:
        # Only an attempt shows it: permission bits do not show read-only mounts, quotas or ACLs.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise folder_not_writable(folder, error) from error
    return folder


def writable_file(path: str | os.PathLike[str]) -> Path:
    """Check that a file can be written, and create its folder if there is none.

    Parameters
    ----------
    path : path-like
        The file to write; it may exist. A symbolic link is followed.

    Returns
    -------
    pathlib.Path
        The file that will be written: `path`, or what it links to.

    Raises
    ------
    InputError
        If `path` is a folder, pipe, device or socket, or a link into a folder that does not
        exist, or if its folder cannot be created or written to.
    """
    target = _target(path)
    writable_folder(target.parent)
    return target


def write_whole(target: str | os.PathLike[str], content: str | bytes | memoryview) -> Path:
    """Write a file in one step: either the whole new file is there, or the earlier one.

    Parameters
    ----------
    target : path-like
        The file; its folder is created if there is none. A symbolic link is followed.
    content : str, bytes or memoryview
        The content of the file; text is written as UTF-8.

    Returns
    -------
    pathlib.Path
        The target, as it was given.

    Raises
    ------
    InputError
        If `target` cannot be a file, or cannot be written, as when the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_whole(f"{folder}/verdict.json", "{}")
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('verdict.json', '{}')]
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_descriptor(target, room=len(data)) as descriptor:
        write_at(descriptor, data, 0)
    return Path(target)


@contextmanager
def atomic_descriptor(target: str | os.PathLike[str], room: int | None = None) -> Iterator[int]:
    """Open a new file, which replaces `target` when the block ends without an error.

    Parameters
    ----------
    target : path-like
        The file to write. An earlier one is replaced on success and untouched on failure.
    room : int, optional
        Bytes that the file will take at most, for the message if the disk is full.

    Yields
    ------
    int
        The descriptor of an empty file in the target's folder (a rename is atomic only within one
        file system), for `write_at`.

    Raises
    ------
    InputError
        If `target` cannot be a file, or if anything in the block, or the steps after it, raises
        `OSError` or `MemoryError`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_descriptor(f"{folder}/verdict.json") as descriptor:
    ...         write_at(descriptor, b"{}", 0)
    ...     [path.name for path in Path(folder).iterdir()]
    ['verdict.json']
    """
    target = _target(target)
    _make_folder(target.parent)
    try:
        part, descriptor = open_part(target)
    except OSError as error:
        raise not_written(target, error, room) from error
    with lock_kept(descriptor):
        try:
            try:
                yield descriptor
                # The rename must not reach the disk before the contents: a power failure would
                # leave an empty file where a good one was.
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            give_name(part, target)
        except BaseException as error:
            with suppress(OSError):  # the first error is reported
                part.unlink(missing_ok=True)
            if isinstance(error, OSError | MemoryError):
                raise not_written(target, error, room) from error
            raise


def give_name(part: Path, target: Path) -> None:
    """Let a hidden file that is whole and on the disk take the place of its target.

    Raises
    ------
    OSError
        If it cannot be renamed.
    """
    os.replace(part, target)
    _sync_folder(target.parent)


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the regular file, existing or not, that a path stands for."""
    path = checked_path(path)
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        kind = stat.S_IFREG
    except OSError as error:  # a name that is too long, a link to itself
        raise not_written(path, error) from error
    if kind == stat.S_IFDIR:
        raise InputError(f"'{path}' is a folder: give the name of a file to write")
    if kind != stat.S_IFREG:
        found = _KINDS.get(kind, "not a regular file")
        raise InputError(f"'{path}' is {found}: give the name of a file to write")
    if not path.is_symlink():
        return path
    # The file that the link points to is replaced, and the link stays. If there is no such file, it
    # is created, but its folder is not: the disk may not be mounted.
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise InputError(
            f"'{path}' is a link to '{real}', whose folder does not exist: make the folder or "
            "remove the link"
        )
    return real


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise folder_not_writable(folder, error) from error


def _sync_folder(folder: Path) -> None:
    """Wait until the new name is on the disk."""
    if os.name == "nt":  # cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)
