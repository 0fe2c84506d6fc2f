"""Write HDF5 files without ever telling HDF5 that the disk is full.

HDF5 crashes the process when it closes a file that it could not flush, and h5py only prints
errors during garbage collection. So HDF5 writes to an `Hdf5Sink`, where every write succeeds. The
sink keeps the first error of the disk, and `hdf5_file` raises it after HDF5 has closed the file.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from brianbridge.io.atomic import atomic_descriptor
from brianbridge.io.descriptor import read_at, write_at

__all__ = ["Hdf5Sink", "hdf5_file", "hdf5_into"]

# The oldest format with checksums of all headers; HDF5 has read it since 2016.
LIBVER = ("v110", "v110")


class Hdf5Sink:
    """Pass on what HDF5 writes, and keep the first error of the disk.

    Parameters
    ----------
    descriptor : int
        An open, empty file.

    Attributes
    ----------
    error : OSError, MemoryError or None
        The first error. From then on writes stay in memory, where HDF5 can read them again.
    last : tuple of int and int
        Start and length of the last write.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0
        self._size = 0
        self._kept: list[tuple[int, bytes]] = []
        self.error: OSError | MemoryError | None = None
        self.last = (0, 0)

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self.error is not None:
            raise self.error

    def retry(self) -> None:
        """Write again what the disk refused; raise its error if it still does."""
        kept, self._kept, self.error = self._kept, [], None
        end, self._at = self._at, 0
        for start, data in kept:
            self._at = start
            self.write(data)
        self._at = end
        self.check()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position of the next read or write."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """Return the position of the next read or write."""
        return self._at

    def write(self, data: Any) -> int:
        """Write, or keep the error."""
        start, count = self._at, len(data)
        self._at += count
        self.last = (start, count)
        self._size = max(self._size, self._at)
        if self.error is None:
            try:
                write_at(self._descriptor, data, start)
            except (OSError, MemoryError) as error:
                self.error = error
        if self.error is not None:
            self._kept.append((start, bytes(data)))
        return count

    def readinto(self, buffer: Any) -> int:
        """Read what was written, on the disk or in memory; zeros elsewhere."""
        start, wanted = self._at, memoryview(buffer).cast("B")
        found = self._on_disk(start, len(wanted))
        wanted[:] = found.ljust(len(wanted), b"\0")
        for low, data in self._kept:
            first, last = max(low, start), min(low + len(data), start + len(wanted))
            if first < last:
                wanted[first - start : last - start] = data[first - low : last - low]
        self._at += len(wanted)
        return len(wanted)

    def read(self, count: int) -> bytes:
        """Read `count` bytes, as `readinto` does."""
        buffer = bytearray(count)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int) -> int:
        """Set the length of the file, or keep the error."""
        self._size = size
        if self.error is None:
            try:
                os.ftruncate(self._descriptor, size)
            except OSError as error:
                self.error = error
        return size

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def _on_disk(self, start: int, count: int) -> bytes:
        try:
            return read_at(self._descriptor, start, count)
        except OSError as error:
            self.error = self.error or error
            return b""


@contextmanager
def hdf5_file(
    target: str | os.PathLike[str], room: int | None = None
) -> Iterator[tuple[h5py.File, Hdf5Sink]]:
    """Open a new HDF5 file, which replaces `target` once it is whole.

    Parameters
    ----------
    target : path-like
        The file; an earlier one is replaced on success and untouched on failure.
    room : int, optional
        Bytes that the file will take at most, for the message if the disk is full.

    Yields
    ------
    h5py.File, Hdf5Sink
        The file, and its sink. Call ``check`` of the sink from time to time, to stop early if
        the disk is full.

    Raises
    ------
    InputError
        If `target` cannot be a file, or the disk refuses it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with hdf5_file(f"{folder}/a.h5") as (file, sink):
    ...         file["a"] = [1, 2]
    ...         sink.check()
    ...     with h5py.File(f"{folder}/a.h5") as file:
    ...         file["a"][:].tolist()
    [1, 2]
    """
    with atomic_descriptor(target, room) as descriptor, hdf5_into(descriptor) as opened:
        yield opened


@contextmanager
def hdf5_into(descriptor: int) -> Iterator[tuple[h5py.File, Hdf5Sink]]:
    """Write an HDF5 file to an empty file that is open.

    Raises
    ------
    OSError, MemoryError
        The error of the disk.
    """
    sink = Hdf5Sink(descriptor)
    with h5py.File(sink, "w", libver=LIBVER) as file:
        yield file, sink
        file.flush()
    sink.check()
