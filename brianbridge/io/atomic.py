"""Write files that are either whole or not there.

A program that is killed half-way through `open(target, "w")` has destroyed the earlier file and
left half of a new one. Here the new file grows under a hidden name beside the target and takes
its place in one step when it is whole.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brianbridge.errors import InputError

__all__ = ["atomic_path", "writable_file", "writable_folder"]


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """Create an output folder where there is none, and check that it can be written to.

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
        If something else has that name, or the folder cannot be created or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as base:
    ...     writable_folder(f"{base}/results/run-1").is_dir()
    True
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Only writing tells: permission bits say nothing of read-only mounts, quotas or ACLs.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"'{folder}' cannot be an output folder, as a file has that name or that of a parent: "
            "move the file away or choose another folder"
        ) from None
    except OSError as error:
        raise InputError(
            f"the output folder '{folder}' cannot be written to ({error.strerror}): "
            "choose a folder in which you may create files"
        ) from error
    return folder


def writable_file(path: str | os.PathLike[str]) -> Path:
    """Check that a file can be written at `path`, creating its folder where there is none.

    Parameters
    ----------
    path : path-like
        The file to write; it may exist.

    Returns
    -------
    pathlib.Path
        The same path.

    Raises
    ------
    InputError
        If `path` is a folder, or its own folder cannot be created or written to.
    """
    target = Path(path)
    if target.is_dir():
        raise InputError(f"'{target}' is a folder: give the name of a file to write")
    writable_folder(target.parent)
    return target


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that replaces `target` once its file is whole.

    Parameters
    ----------
    target : path-like
        The file to write. An earlier one is replaced on success and untouched on failure.

    Yields
    ------
    pathlib.Path
        A hidden name in the target's folder (a rename is atomic only within one file system).
        Create a file there. It is removed if the block raises.

    Raises
    ------
    InputError
        If `target` is a folder, or its own folder cannot be created or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(f"{folder}/verdict.json") as temporary:
    ...         _ = temporary.write_text("{}")
    ...     [path.name for path in Path(folder).iterdir()]
    ['verdict.json']
    """
    target = writable_file(target)
    # A name of its own for each writer: two runs with the same target must not mix their bytes.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _to_disk(path: Path) -> None:
    """Wait until the file's bytes are on the disk.

    Without this the rename may reach the disk before the contents, and a power failure leaves an
    empty file where a good one was.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
