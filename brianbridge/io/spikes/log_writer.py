"""Write spike logs; `brianbridge.io.spikes.log` documents the format."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.io.descriptor import OPEN_NEW, write_at
from brianbridge.io.spikes.layout import COLUMNS
from brianbridge.io.spikes.log import ABSENT, MAGIC, NUMBER, SpikeLog, lock_file
from brianbridge.io.spikes.stored import StoredChunks

__all__ = ["SpikeLogWriter"]


class SpikeLogWriter(SpikeLog):
    """Write the log of a run, batch by batch.

    Parameters
    ----------
    path : pathlib.Path
        The file. An earlier one is removed, not truncated: a run that still writes to it keeps
        its file.
    description : mapping of str to JSON values
        The run; see `SpikeLog`.
    stored : StoredChunks, optional
        The spikes that the log need not hold, as the growing spike file has them.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(
        self, path: Path, description: Mapping[str, Any], stored: StoredChunks | None = None
    ) -> None:
        path.unlink(missing_ok=True)
        _next_to(path).unlink(missing_ok=True)  # of a run that was killed
        super().__init__(path, os.open(path, OPEN_NEW, 0o666), description)
        self.stored = stored
        try:
            lock_file(self.descriptor, exclusive=True)
            self._write_head()
        except BaseException:
            self.close(remove=True)
            raise

    def _write_head(self) -> None:
        """Write all that comes before the batches."""
        run, table = dict(self.description), b""
        if self.stored is not None:
            run, table = {**run, "stored": self.stored.summary()}, self.stored.table()
        text = json.dumps(run).encode()
        head = np.array([len(text), zlib.crc32(text)], NUMBER).tobytes()
        write_at(self.descriptor, MAGIC + head + text + table, 0)
        self.end = len(MAGIC) + len(head) + len(text) + len(table)

    def replaced(
        self, stored: StoredChunks, rest: Mapping[str, Mapping[str, np.ndarray]]
    ) -> SpikeLogWriter:
        """Return a new log in the place of this one, which is closed.

        Parameters
        ----------
        stored : StoredChunks
            The spikes that the growing spike file has.
        rest : mapping of str to mapping of str to numpy.ndarray
            All others.

        Raises
        ------
        OSError
            If the disk refuses it. This log is then as before.
        """
        new = SpikeLogWriter(_next_to(self.path), self.description, stored)
        try:
            new.append(0, rest)
            os.replace(new.path, self.path)
        except BaseException:
            new.close(remove=True)
            raise
        new.path = self.path
        self.close(remove=False)
        return new

    def append(self, samples: int, batch: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Write a batch: the columns of each population that are known, in `narrow_types`.

        Raises
        ------
        OSError
            If the disk refuses it. The log is then as before, and the batch may be tried again.
        """
        numbers, columns = [samples], []
        for name in self.names:
            numbers.append(len(batch[name]["node_ids"]))
            for column in COLUMNS:
                checksum = ABSENT
                if column in batch[name]:
                    columns.append(np.ascontiguousarray(batch[name][column]))
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
            with suppress(OSError):  # if not, the next batch is written over it
                os.ftruncate(self.descriptor, self.end)
            raise
        self.batches.append((self.end + table.nbytes, table))
        self.end = end

    def close(self, remove: bool) -> None:
        """Close the file, and remove it if it still has its name."""
        with suppress(OSError):  # all that is needed has been read
            same = os.path.samestat(os.fstat(self.descriptor), os.stat(self.path))
            if remove and same:
                self.path.unlink()
        with suppress(OSError):
            os.close(self.descriptor)


def _next_to(path: Path) -> Path:
    """Return where a log grows that will take the place of another."""
    return path.with_name(f"{path.name}.new")
