r"""Read spike logs, which hold the spikes of a run in progress in a file that only grows.

::

    b"brianbridge spike log 2\n"
    uint64, uint64          length and CRC-32 of the JSON
    JSON                    the run: its populations, time step, provenance
    uint64, ...             if the JSON has "stored": where those chunks are that the spike file,
                            which grows beside the log, has already (see `.stored`)
    for each batch:
        uint64, ...         number of samples; for each population its number of spikes and the
                            CRC-32 of each column (2**32: absent); CRC-32 of all these numbers
        columns             one after the other, in `narrow_types`; a time is its step

Logs of version 1 have the types of the spike file.

A kill, or a full disk, can only cut off the last batch; those before it stay as they are. When the
log has become long, and its spikes are in the spike file, a new log with the rest takes its place.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.descriptor import read_at
from brianbridge.io.json_text import parse_json
from brianbridge.io.spikes.layout import COLUMNS, absent, as_stored, narrow_types
from brianbridge.io.spikes.stored import StoredChunks

__all__ = ["ABSENT", "MAGIC", "NUMBER", "SpikeLog", "is_log", "lock_file", "opened_log"]

MAGIC = b"brianbridge spike log 2\n"
_FORMER_MAGIC = b"brianbridge spike log 1\n"
ABSENT = 1 << 32  # the checksum of a column that a batch does not have
NUMBER = np.dtype("<u8")


class SpikeLog:
    """Read the log of a run.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    descriptor : int
        The open file.
    description : mapping of str to JSON values
        The run; ``shapes`` is a list of pairs of a name and a shape.
    former : bool
        Whether the log is of version 1.

    Attributes
    ----------
    stored : StoredChunks, optional
        The spikes before those of the batches, in the growing spike file.
    batches : list of tuple of int and numpy.ndarray
        For each whole batch, the byte where its columns begin, and its table of numbers.
    end : int
        Length of the whole batches, in bytes.
    """

    def __init__(
        self, path: Path, descriptor: int, description: Mapping[str, Any], former: bool = False
    ) -> None:
        self.path = path
        self.descriptor = descriptor
        self.description = description
        self.names = [name for name, _ in description["shapes"]]
        self._former = former
        self._types = {
            name: _types(shape, description["steps"], former)
            for name, shape in description["shapes"]
        }
        self._sizes = np.array(
            [[dtype.itemsize for dtype in types.values()] for types in self._types.values()], NUMBER
        )
        self.stored: StoredChunks | None = None
        self.batches: list[tuple[int, np.ndarray]] = []
        self.end = 0

    @property
    def samples(self) -> int:
        """Number of samples in all whole batches, and before them."""
        before = 0 if self.stored is None else self.stored.samples
        return before + sum(int(table[0]) for _, table in self.batches)

    def spikes(self, name: str) -> int:
        """Return the number of spikes of a population in all whole batches, and before them."""
        row = self.names.index(name)
        before = 0 if self.stored is None else self.stored.rows(name)
        return before + sum(int(self._parts(table)[0][row]) for _, table in self.batches)

    def column(self, name: str, column: str) -> Iterator[np.ndarray]:
        """Yield a column piece by piece, checked, shape ``(spikes of the piece,)``.

        Raises
        ------
        InputError
            If the bytes are damaged.
        """
        dt_ms = self.description["dt"] * 1e3
        if self.stored is not None:
            yield from self.stored.column(self.path, dt_ms, name, column)
        for number in range(len(self.batches)):
            count, values = self._read(number, name, column)
            if values is None:
                yield absent(column, count)
            else:
                yield values if self._former else as_stored(column, values, dt_ms)

    def batch(self, number: int) -> dict[str, dict[str, np.ndarray]]:
        """Return the known columns of one batch, checked, in the types of the log.

        Raises
        ------
        InputError
            If the bytes are damaged.
        """
        read = {name: {c: self._read(number, name, c)[1] for c in COLUMNS} for name in self.names}
        return {
            name: {column: values for column, values in columns.items() if values is not None}
            for name, columns in read.items()
        }

    def _read(self, number: int, name: str, column: str) -> tuple[int, np.ndarray | None]:
        """Return the number of spikes in a batch, and one column, or None if it is not known."""
        cell = self.names.index(name), list(COLUMNS).index(column)
        start, table = self.batches[number]
        counts, checksums, ends = self._parts(table)
        count, checksum, dtype = int(counts[cell[0]]), checksums[cell], self._types[name][column]
        if checksum == ABSENT:
            return count, None
        length = count * dtype.itemsize
        data = read_at(self.descriptor, start + int(ends[cell]) - length, length)
        if zlib.crc32(data) != checksum:
            raise InputError(f"'{self.path}' is damaged: batch {number + 1}, {column} of '{name}'")
        return count, np.frombuffer(data, dtype)

    def table_size(self) -> int:
        """Return the bytes of a batch's table."""
        return NUMBER.itemsize * (2 + len(self.names) * (1 + len(COLUMNS)))

    def columns_size(self, table: np.ndarray) -> int:
        """Return the bytes of a batch's columns."""
        return int(self._parts(table)[2][-1, -1])

    def _parts(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the counts of a batch, the checksums of its columns, and where each one ends."""
        numbers = table[1:-1].reshape(len(self.names), 1 + len(COLUMNS))
        counts, checksums = numbers[:, 0], numbers[:, 1:]
        lengths = np.where(checksums == ABSENT, 0, counts[:, None] * self._sizes)
        return counts, checksums, np.cumsum(lengths).reshape(checksums.shape)


def _types(shape: Sequence[int], steps: int | None, former: bool) -> dict[str, np.dtype]:
    if former:
        return {column: np.dtype(dtype) for column, (dtype, _) in COLUMNS.items()}
    narrow = narrow_types(math.prod(shape), steps)
    return {column: np.dtype(dtype) for column, dtype in narrow.items()}


def is_log(path: Path) -> bool:
    """Return whether the first bytes of a file are those of a spike log."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) in (MAGIC, _FORMER_MAGIC)
    except OSError:
        return False


@contextmanager
def opened_log(path: Path) -> Iterator[SpikeLog]:
    """Open the log of a run that was killed or failed.

    Raises
    ------
    InputError
        If the run still goes on, or the file is damaged. A last batch that is cut off is left
        out.
    """
    with path.open("rb") as file:
        try:
            lock_file(file.fileno(), exclusive=False)
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
        raise InputError(f"{damaged}the description of the run differs from what was written")
    former = read_at(descriptor, 0, len(MAGIC)) == _FORMER_MAGIC
    log = SpikeLog(path, descriptor, parse_json(text, f"the description of '{path}'"), former)
    log.end = start + length
    if "stored" in log.description:
        summary = log.description["stored"]
        places = read_at(descriptor, log.end, min(StoredChunks.table_size(summary), size))
        try:
            log.stored = StoredChunks.of(summary, places)
        except ValueError as error:
            raise InputError(f"{damaged}{error}") from None
        log.end += len(places)
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


def lock_file(descriptor: int, exclusive: bool) -> None:
    """Lock a file until it is closed, if the system has locks."""
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
