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

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: Path, description: Mapping[str, Any]) -> None:
        path.unlink(missing_ok=True)
        super().__init__(path, os.open(path, OPEN_NEW, 0o666), description)
        try:
            lock_file(self.descriptor, exclusive=True)
            text = json.dumps(description).encode()
            head = np.array([len(text), zlib.crc32(text)], NUMBER).tobytes()
            write_at(self.descriptor, MAGIC + head + text, 0)
        except BaseException:
            self.close(remove=True)
            raise
        self.end = len(MAGIC) + len(head) + len(text)

    def append(self, samples: int, batch: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Write a batch: the columns of each population that are known.

        Raises
        ------
        OSError
            If the disk refuses it. The log is then as before, and the batch may be tried again.
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
