r"""The spikes of a run that goes on, as a file that only grows at its end.

::

    b"brianbridge spike log 1\n"
    uint64, uint64          length and CRC-32 of the JSON
    JSON                    what the run is: its populations, time step, provenance
    for each batch:
        uint64, ...         samples; of each population its spikes, and the CRC-32 of each column
                            (2**32: absent, all values stand for "not known"); CRC-32 of these
        columns             one after the other, in the types of the spike file

A kill, or a disk that is full, can only cut off the last batch; what is before it stays as it is.
`SpikeFileWriter` makes an HDF5 file of the whole. That is not done while the run goes on, as HDF5
crashes if the disk refuses what it writes.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.atomic import OPEN_NEW, read_at, write_at
from brianbridge.io.json_text import parse_json
from brianbridge.io.spikes.layout import COLUMNS, absent

__all__ = ["SpikeLog", "SpikeLogWriter", "is_log", "opened_log"]

MAGIC = b"brianbridge spike log 1\n"
ABSENT = 1 << 32
NUMBER = np.dtype("<u8")


class SpikeLog:
    """Read what was written of a run.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    descriptor : int
        The open file.
    description : mapping of str to JSON values
        What the run is; ``shapes`` is a list of pairs of a name and a shape.

    Attributes
    ----------
    batches : list of tuple of int and numpy.ndarray
        Where the columns of each whole batch begin, and its table.
    end : int
        Length of what is whole, in bytes.
    """

    def __init__(self, path: Path, descriptor: int, description: Mapping[str, Any]) -> None:
        self.path = path
        self.descriptor = descriptor
        self.description = description
        self.names = [name for name, _ in description["shapes"]]
        self.batches: list[tuple[int, np.ndarray]] = []
        self.end = 0

    @property
    def samples(self) -> int:
        """Samples of all whole batches."""
        return sum(int(table[0]) for _, table in self.batches)

    def spikes(self, name: str) -> int:
        """Return the number of spikes of a population in all whole batches."""
        row = self.names.index(name)
        return sum(int(self._parts(table)[0][row]) for _, table in self.batches)

    def has(self, name: str, column: str) -> bool:
        """Tell whether any batch knows the column."""
        cell = self.names.index(name), list(COLUMNS).index(column)
        return any(self._parts(table)[1][cell] != ABSENT for _, table in self.batches)

    def pieces(self, name: str, column: str) -> Iterator[np.ndarray]:
        """Yield a column batch by batch, checked, shape ``(spikes of the batch,)``.

        Raises
        ------
        InputError
            If the bytes are not those that were written.
        """
        dtype = COLUMNS[column][0]
        cell = self.names.index(name), list(COLUMNS).index(column)
        for number, (start, table) in enumerate(self.batches, start=1):
            counts, checksums, ends = self._parts(table)
            count, checksum = int(counts[cell[0]]), checksums[cell]
            if checksum == ABSENT:
                yield absent(column, count)
                continue
            length = count * np.dtype(dtype).itemsize
            data = read_at(self.descriptor, start + int(ends[cell]) - length, length)
            if zlib.crc32(data) != checksum:
                raise InputError(f"'{self.path}' is damaged: batch {number}, {column} of '{name}'")
            yield np.frombuffer(data, dtype)

    def table_size(self) -> int:
        """Return the bytes of a batch's table."""
        return NUMBER.itemsize * (2 + len(self.names) * (1 + len(COLUMNS)))

    def columns_size(self, table: np.ndarray) -> int:
        """Return the bytes of a batch's columns."""
        return int(self._parts(table)[2][-1, -1])

    def _parts(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return of a batch its counts, its columns' checksums, and where each column ends."""
        numbers = table[1:-1].reshape(len(self.names), 1 + len(COLUMNS))
        counts, checksums = numbers[:, 0], numbers[:, 1:]
        sizes = np.array([np.dtype(dtype).itemsize for dtype, _ in COLUMNS.values()], NUMBER)
        lengths = np.where(checksums == ABSENT, 0, counts[:, None] * sizes)
        return counts, checksums, np.cumsum(lengths).reshape(checksums.shape)


class SpikeLogWriter(SpikeLog):
    """Write a run batch by batch.

    Parameters
    ----------
    path : pathlib.Path
        The file. One that is there is removed, not truncated: should another run still write to
        it, that run keeps its file.
    description : mapping of str to JSON values
        What the run is.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: Path, description: Mapping[str, Any]) -> None:
        path.unlink(missing_ok=True)
        super().__init__(path, os.open(path, OPEN_NEW, 0o666), description)
        try:
            _lock(self.descriptor, exclusive=True)
            text = json.dumps(description).encode()
            head = np.array([len(text), zlib.crc32(text)], NUMBER).tobytes()
            write_at(self.descriptor, MAGIC + head + text, 0)
        except BaseException:
            self.close(remove=True)
            raise
        self.end = len(MAGIC) + len(head) + len(text)

    def append(self, samples: int, batch: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Write a batch: columns of each population; those that are not given are not known.

        Raises
        ------
        OSError
            If the disk refuses it. The log is as it was before, and the batch may be tried again.
        """
        numbers, columns = [samples], []
        for name in self.names:
            numbers.append(len(batch[name]["node_ids"]))
            for column, (dtype, _) in COLUMNS.items():
                checksum = ABSENT
                if column in batch[name]:
                    columns.append(np.ascontiguousarray(batch[name][column], dtype))
                    checksum = zlib.crc32(columns[-1].data)
                numbers.append(checksum)
        table = np.array(numbers, NUMBER)
        table = np.append(table, NUMBER.type(zlib.crc32(table.data)))
        end = self.end
        try:
            for data in (table, *columns):
                write_at(self.descriptor, data.data, end)
                end += data.nbytes
        except (OSError, MemoryError):
            with suppress(OSError):  # or the next batch is written over it
                os.ftruncate(self.descriptor, self.end)
            raise
        self.batches.append((self.end + table.nbytes, table))
        self.end = end

    def close(self, remove: bool) -> None:
        """Close the file, and remove it if it still has its name."""
        with suppress(OSError):  # all that is needed of it was read
            own = os.path.samestat(os.fstat(self.descriptor), os.stat(self.path))
            if remove and own:
                self.path.unlink()
        with suppress(OSError):
            os.close(self.descriptor)


def is_log(path: Path) -> bool:
    """Tell whether a file begins as a spike log does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@contextmanager
def opened_log(path: Path) -> Iterator[SpikeLog]:
    """Open the log that a killed or failed run left behind.

    Raises
    ------
    InputError
        If the run still goes on, or the file is damaged. That its last batch is cut off is no
        damage.
    """
    with path.open("rb") as file:
        try:
            _lock(file.fileno(), exclusive=False)
        except BlockingIOError:
            raise InputError(
                f"'{path}' is still being written: read it when the run ends"
            ) from None
        yield _read(path, file.fileno())


def _read(path: Path, descriptor: int) -> SpikeLog:
    damaged = f"'{path}' is damaged: "
    size = os.fstat(descriptor).st_size
    head = 2 * NUMBER.itemsize
    numbers = np.frombuffer(read_at(descriptor, len(MAGIC), head).ljust(head, b"\0"), NUMBER)
    length, checksum = numbers.tolist()
    start = len(MAGIC) + head
    text = read_at(descriptor, start, length) if length <= size - start else b""
    if not text or zlib.crc32(text) != checksum:
        raise InputError(f"{damaged}what it says of the run differs from what was written")
    log = SpikeLog(path, descriptor, parse_json(text, f"the description of '{path}'"))
    log.end = start + length
    while size - log.end >= log.table_size():
        data = read_at(descriptor, log.end, log.table_size())
        table = np.frombuffer(data, NUMBER)
        if zlib.crc32(data[: -NUMBER.itemsize]) != table[-1]:
            raise InputError(f"{damaged}batch {len(log.batches) + 1} differs from what was written")
        start = log.end + len(data)
        if start + log.columns_size(table) > size:
            break
        log.batches.append((start, table))
        log.end = start + log.columns_size(table)
    return log


def _lock(descriptor: int, exclusive: bool) -> None:
    """Lock a file until it is closed, where the system has locks."""
    try:
        import fcntl
    except ImportError:
        return
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        pass
