"""The chunks of a run in progress that are in its spike file already, as its log lists them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.descriptor import read_at
from brianbridge.io.spikes.chunks import MOST_BYTES, Packing
from brianbridge.io.spikes.layout import CHUNK, COLUMNS, Place, absent

__all__ = ["StoredChunks", "places_of"]

_NUMBER = np.dtype("<u8")


def places_of(table: bytes | bytearray) -> np.ndarray:
    """Return the fields of places, one after the other, as rows."""
    return np.frombuffer(bytes(table), _NUMBER).reshape(-1, len(Place._fields))


@dataclass(frozen=True)
class StoredChunks:
    """List the chunks that a log does not hold itself.

    Parameters
    ----------
    file : str
        Name of the growing spike file, in the folder of the log.
    compress : bool
        Whether it is compressed.
    samples : int
        Number of the samples that began before the batches of the log.
    places : mapping of str to mapping of str to numpy.ndarray of uint64, shape (chunks, 4)
        The chunks, by population and column: in each row, the fields of a `Place`. A chunk has
        `CHUNK` spikes.
    """

    file: str
    compress: bool
    samples: int
    places: Mapping[str, Mapping[str, np.ndarray]]

    def rows(self, name: str) -> int:
        """Return the number of spikes of a population in all chunks."""
        return CHUNK * len(self.places[name]["node_ids"])

    def summary(self) -> dict[str, Any]:
        """Return the JSON part of the log; `table` follows it."""
        chunks = {name: len(columns["node_ids"]) for name, columns in self.places.items()}
        entry = {"file": self.file, "compress": self.compress, "samples": self.samples}
        return {**entry, "chunks": chunks, "crc": zlib.crc32(self.table())}

    def table(self) -> bytes:
        """Return the places of all chunks."""
        return b"".join(
            columns[column].tobytes() for columns in self.places.values() for column in COLUMNS
        )

    @staticmethod
    def table_size(summary: Mapping[str, Any]) -> int:
        """Return the length of the table that belongs to a summary, in bytes."""
        chunks = sum(summary["chunks"].values()) * len(COLUMNS)
        return int(chunks) * len(Place._fields) * _NUMBER.itemsize

    @classmethod
    def of(cls, summary: Mapping[str, Any], table: bytes) -> StoredChunks:
        """Return the chunks that `summary` and `table` describe.

        Raises
        ------
        ValueError
            If the table differs from what was written.
        """
        if zlib.crc32(table) != summary["crc"]:
            raise ValueError("the list of chunks differs from what was written")
        rows, places = places_of(table), {}
        for name, count in summary["chunks"].items():
            places[name] = {c: rows[i * count : (i + 1) * count] for i, c in enumerate(COLUMNS)}
            rows = rows[count * len(COLUMNS) :]
        return cls(summary["file"], summary["compress"], summary["samples"], places)

    def column(self, log: Path, dt_ms: float, name: str, column: str) -> Iterator[np.ndarray]:
        """Yield a column chunk by chunk, checked, shape ``(CHUNK,)``, in the type of the file.

        Raises
        ------
        InputError
            If the file is not there, or its bytes are damaged.
        """
        path = log.with_name(Path(self.file).name)
        packing = Packing(dt_ms, self.compress)
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise InputError(
                f"'{log}' needs '{path.name}' beside it, which cannot be read ({error.strerror}): "
                "move both files together; or remove the first, if the run ended and has its file"
            ) from None
        try:
            for number, row in enumerate(self.places[name][column].tolist()):
                place = Place(*row)
                if not place.size:
                    yield absent(column, CHUNK)
                    continue
                data = read_at(descriptor, place.start, min(place.size, MOST_BYTES))
                if len(data) != place.size or zlib.crc32(data) != place.crc:
                    raise InputError(
                        f"'{path}' is damaged: chunk {number + 1}, {column} of '{name}'"
                    )
                yield packing.decode(column, data, place.mask)
        finally:
            os.close(descriptor)
