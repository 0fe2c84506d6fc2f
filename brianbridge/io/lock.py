"""Let only one process at a time write into an output folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_folder

__all__ = ["only_writer"]

#: Names of the file that is locked, and of the file with the number of the process that locks it.
_LOCK, _HOLDER = ".brianbridge.lock", ".brianbridge.pid"


@contextmanager
def only_writer(folder: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Keep other processes from writing into a folder.

    The operating system holds the lock, and releases it when the process ends in any way.

    Parameters
    ----------
    folder : path-like
        The folder; it is created if there is none.
    wait : bool
        Whether to wait for another process, instead of raising an error.

    Raises
    ------
    InputError
        If another process writes into the folder, unless `wait` is set.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with only_writer(folder):
    ...         pass
    """
    folder = writable_folder(folder)
    lock, holder = FileLock(folder / _LOCK), folder / _HOLDER
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        number = ""
        with suppress(OSError):
            number = f" {holder.read_text(encoding='utf-8')}"
        raise InputError(
            f"process{number} is writing into '{folder}'; wait until it is done, or choose another "
            "folder"
        ) from None
    try:
        holder.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        # Remove both while the lock is held; the next process creates new ones.
        holder.unlink(missing_ok=True)
        with suppress(OSError):  # Windows removes no file that is open
            (folder / _LOCK).unlink()
        lock.release()
