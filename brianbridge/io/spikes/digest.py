"""Compare a spike file with what was written, by digests.

Each column has its SHA-256 as an attribute. The root has the SHA-256 of all attributes, types and
shapes, and so of the digests of the columns too. Digests are of values, not of their storage: a
copy without compression, as by ``h5repack``, still agrees with them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from brianbridge.io.descriptor import read_at
from brianbridge.io.spikes.layout import CHUNK, Place, absent, as_stored
from brianbridge.io.text_heaps import attribute

__all__ = [
    "COLUMN_DIGEST",
    "DIGEST",
    "ColumnDigest",
    "check_description",
    "check_whole",
    "description_digest",
]

#: Root attribute, and attribute of a column.
DIGEST, COLUMN_DIGEST = "digest", "sha256"


class ColumnDigest:
    """Compute the digest of a column piece by piece.

    Parameters
    ----------
    column : str
        The column.
    dt_ms : float
        Length of a step, in ms.

    Examples
    --------
    >>> digest = ColumnDigest("spike_value", 0.1)
    >>> digest.add(None, 3)
    >>> digest.value() is None
    True
    """

    def __init__(self, column: str, dt_ms: float) -> None:
        self._column, self._dt_ms = column, dt_ms
        self._sha = hashlib.sha256()
        self._rows = 0  # in the digest
        self._absent = 0  # absent values after them

    def add(self, values: np.ndarray | None, count: int) -> None:
        """Take the next values, in the types of `narrow_types`; None if they are absent."""
        if values is None:
            self._absent += count
            return
        self._add_absent()
        for start in range(0, count, CHUNK):
            part = values[start : start + CHUNK]
            self._sha.update(as_stored(self._column, part, self._dt_ms).data)
        self._rows += count

    def value(self) -> np.ndarray | None:
        """Return the SHA-256, uint8, ``(32,)``; None if all values are absent."""
        if self._absent and not self._rows:
            return None
        self._add_absent()
        return np.frombuffer(self._sha.digest(), np.uint8)

    def _add_absent(self) -> None:
        for start in range(0, self._absent, CHUNK):
            self._sha.update(absent(self._column, min(CHUNK, self._absent - start)).data)
        self._rows, self._absent = self._rows + self._absent, 0


def description_digest(file: h5py.File) -> np.ndarray:
    """Return the SHA-256 of the attributes, types and shapes of a file, uint8, ``(32,)``."""
    found = hashlib.sha256()
    for path, item in _items(file):
        if isinstance(item, h5py.Dataset):
            found.update(f"{path} {item.dtype.str} {item.shape}\n".encode())
        else:
            found.update(f"{path}\n".encode())
        for name in sorted(set(item.attrs) - {DIGEST}):
            if item.attrs.get_id(name).dtype.hasobject:
                raise ValueError(
                    f"attribute '{name}' of '{path}' was not there when the file was written"
                )
            value = np.asarray(item.attrs[name])
            found.update(f"{name} {value.dtype.descr} {value.shape}\n".encode())
            found.update(value.tobytes())
    return np.frombuffer(found.digest(), np.uint8)


def _items(file: h5py.File) -> Iterator[tuple[str, Any]]:
    yield "/", file
    for name in sorted(file["spikes"]):
        population = file["spikes"][name]
        if not isinstance(population, h5py.Group):  # to iterate over numbers would read them
            raise ValueError(f"'/spikes/{name}' is no population")
        yield f"/spikes/{name}", population
        for column in sorted(population):
            yield f"/spikes/{name}/{column}", population[column]


def check_description(file: h5py.File) -> None:
    """Compare the attributes of a file with their digest.

    Raises
    ------
    ValueError
        If they differ.
    """
    if bytes(description_digest(file)) != bytes(attribute(file, DIGEST)):
        raise ValueError("the description of the run differs from what was written")


def check_whole(descriptor: int, wanted: bytes, columns: Mapping[str, np.ndarray]) -> None:
    """Read a whole file, and compare it with what was written.

    Parameters
    ----------
    descriptor : int
        The file.
    wanted : bytes
        The digest of its description.
    columns : mapping of str to numpy.ndarray of uint64, shape (chunks, 4)
        The chunks of each column, by its path in the file: in each row, the fields of a `Place`.

    Raises
    ------
    OSError
        If it differs: the disk is at fault.
    """
    chunks = {path: [Place(*row) for row in rows.tolist()] for path, rows in columns.items()}
    stored = {path: [p for p in places if p.size] for path, places in chunks.items()}
    try:
        with os.fdopen(os.dup(descriptor), "rb") as again, h5py.File(again, "r") as file:
            if bytes(description_digest(file)) != wanted:
                raise ValueError("the description of the run")
            for path, places in stored.items():
                if _addresses(file[path]) != [(p.start, p.size, p.mask) for p in places]:
                    raise ValueError(f"the places of '{path}'")
        # Not in the block above: both descriptors have one position.
        for path, places in stored.items():
            if any(zlib.crc32(read_at(descriptor, p.start, p.size)) != p.crc for p in places):
                raise ValueError(f"'{path}'")
    except (OSError, ValueError, RuntimeError, LookupError) as error:
        raise OSError(errno.EIO, f"the disk does not return what was written: {error}") from error


def _addresses(column: h5py.Dataset) -> list[tuple[int, int, int]]:
    """Return first byte, length and mask of each chunk, in the order of the column."""
    found: list[Any] = []
    column.id.chunk_iter(found.append)
    found.sort(key=lambda chunk: chunk.chunk_offset)
    return [(chunk.byte_offset, chunk.size, chunk.filter_mask) for chunk in found]
