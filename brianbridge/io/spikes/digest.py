"""Compare a spike file with what was written, by digests.

Each column has its SHA-256 as an attribute. The root has the SHA-256 of all attributes, types and
shapes, and so of the digests of the columns too. Digests are of values, not of their storage: a
copy without compression, as by ``h5repack``, still agrees with them.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from brianbridge.io.spikes.layout import CHUNK

__all__ = [
    "COLUMN_DIGEST",
    "DIGEST",
    "blocks_of",
    "check_column",
    "check_description",
    "check_whole",
    "description_digest",
    "digest",
]

#: Root attribute, and attribute of a column.
DIGEST, COLUMN_DIGEST = "digest", "sha256"
_ROWS = 16 * CHUNK  # read at once


def digest(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the SHA-256 of a column given in blocks, uint8, shape ``(32,)``.

    Examples
    --------
    >>> bytes(digest([np.array([1, 2]), np.array([3])])) == bytes(digest([np.array([1, 2, 3])]))
    True
    """
    found = hashlib.sha256()
    for block in blocks:
        found.update(np.ascontiguousarray(block).data)
    return np.frombuffer(found.digest(), np.uint8)


def description_digest(file: h5py.File) -> np.ndarray:
    """Return the SHA-256 of the attributes, types and shapes of a file, uint8, ``(32,)``."""
    found = hashlib.sha256()
    for path, item in _items(file):
        if isinstance(item, h5py.Dataset):
            found.update(f"{path} {item.dtype.str} {item.shape}\n".encode())
        else:
            found.update(f"{path}\n".encode())
        for name in sorted(set(item.attrs) - {DIGEST}):
            value = np.asarray(item.attrs[name])
            if value.dtype.hasobject:
                raise ValueError(
                    f"attribute '{name}' of '{path}' was not there when the file was written"
                )
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


def blocks_of(dataset: h5py.Dataset, rows: int) -> Iterator[np.ndarray]:
    """Yield the first `rows` of a column in blocks that fit into memory."""
    for start in range(0, rows, _ROWS):
        yield dataset[start : min(start + _ROWS, rows)]


def check_column(name: str, blocks: Iterable[np.ndarray], wanted: bytes | None) -> None:
    """Compare a column, given in blocks, with its digest if there is one.

    Raises
    ------
    ValueError
        If it differs.
    """
    found = digest(blocks)
    if wanted is not None and bytes(found) != wanted:
        raise ValueError(f"'{name}' differs from what was written")


def check_description(file: h5py.File) -> None:
    """Compare the attributes of a file with their digest.

    Raises
    ------
    ValueError
        If they differ.
    """
    if bytes(description_digest(file)) != bytes(file.attrs[DIGEST]):
        raise ValueError("the description of the run differs from what was written")


def check_whole(file: h5py.File, counts: Mapping[str, int], digests: Mapping[str, bytes]) -> None:
    """Read a whole file, and compare it with what was written.

    Parameters
    ----------
    file : h5py.File
        The file.
    counts : mapping of str to int
        Spikes of each population.
    digests : mapping of str to bytes
        The digest of each column, by its path in the file.

    Raises
    ------
    OSError
        If it differs: the disk is at fault.
    """
    try:
        check_description(file)
        for path, wanted in digests.items():
            column = file[path]
            count = counts[column.parent.name.removeprefix("/spikes/")]
            if column.shape != (count,):
                raise ValueError(f"'{path}' has {column.shape} spikes, not {count}")
            check_column(path, blocks_of(column, count), wanted)
    except (OSError, ValueError, RuntimeError, LookupError) as error:
        raise OSError(errno.EIO, f"the disk does not return what was written: {error}") from error
