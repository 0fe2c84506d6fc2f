"""Read and write bytes of a file that is open as a descriptor."""

from __future__ import annotations

import errno
import os

__all__ = ["OPEN_NEW", "read_at", "write_at"]

#: Flags of `os.open` for a new file, to write and read. Windows would translate line ends.
OPEN_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_at(descriptor: int, data: bytes | memoryview, start: int) -> None:
    """Write all of `data` at byte `start` of a file.

    Raises
    ------
    OSError
        If the write fails; a part may have been written.
    """
    rest = memoryview(data).cast("B")
    os.lseek(descriptor, start, os.SEEK_SET)
    while rest:
        done = os.write(descriptor, rest)
        if not done:  # or this would go on for ever
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[done:]


def read_at(descriptor: int, start: int, count: int) -> bytes:
    """Return `count` bytes from byte `start` of a file, or fewer at its end."""
    os.lseek(descriptor, start, os.SEEK_SET)
    parts = []
    while count and (part := os.read(descriptor, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
