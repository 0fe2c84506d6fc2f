"""Read HDF5 files that may be damaged, of another kind, or malicious."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.json_text import parse_json
from brianbridge.io.spikes.file import MAGIC
from brianbridge.io.text_heaps import TextHeaps, attribute

__all__ = [
    "NETWORK_FORMAT",
    "check_headers",
    "file_kind",
    "kind_of",
    "member",
    "opened",
    "read_json",
    "read_numbers",
]

#: Root attribute ``format`` of a network file.
NETWORK_FORMAT = b"brianbridge network"

_LONGEST_MESSAGE = 400
_LISTED_ENTRIES = 5
#: Limit of the objects in a file: a network of a thousand projections has six thousand.
_MOST_OBJECTS = 20_000
#: Memory of parsed JSON, in multiples of its text; measured for lists of lists.
_PARSED_TEXT = 16

Object = TypeVar("Object", h5py.Group, h5py.Dataset)


@contextmanager
def opened(path: Path, what: str) -> Iterator[h5py.File]:
    """Open a file to read; any error in the block becomes one line that names the file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        The expected kind of file, for the message: ``"network file"``.

    Raises
    ------
    InputError
        If there is no such file, it is not an HDF5 file, or the block raises any exception.
    """
    try:
        _check_is_hdf5(path)
        with h5py.File(path, "r") as file:
            yield file
    except InputError as error:
        problem, cause = str(error), error.__cause__
    except Exception as error:
        # HDF5 raises any type of error for damaged bytes, and Brian2 for odd equations.
        problem, cause = f"damaged, or not a {what} ({type(error).__name__}: {error})", error
    else:
        return
    raise InputError(f"{what} '{path}': {shorten(problem, _LONGEST_MESSAGE)}") from cause


def _check_is_hdf5(path: Path) -> None:
    if path.is_dir():
        raise InputError("this is a folder; give a file")
    if not path.is_file():
        raise InputError("there is no such file")
    if not path.stat().st_size:
        raise InputError("the file is empty")
    if not h5py.is_hdf5(path):
        raise InputError("expected an HDF5 file, but it does not begin like one")


def file_kind(path: str | os.PathLike[str]) -> str:
    """Return the kind of an HDF5 file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
        ``"network"``, ``"spikes"`` (SONATA), ``"NIR graph"``, or for any other
        ``"HDF5 file with ..."`` and its first entries.

    Raises
    ------
    InputError
        If there is no such file, it is not an HDF5 file, or it is damaged.

    Examples
    --------
    >>> file_kind("none.h5")
    Traceback (most recent call last):
    brianbridge.errors.InputError: file 'none.h5': there is no such file
    """
    with opened(Path(path), "file") as file:
        return kind_of(file)


def kind_of(file: h5py.File) -> str:
    """Return the kind of an open HDF5 file; see `file_kind`."""
    if _is(file, "format", NETWORK_FORMAT):
        return "network"
    if _is(file, "magic", MAGIC):
        return "spikes"
    entries = list(file)
    if {"node", "version"} <= set(entries):
        return "NIR graph"
    listed = ", ".join(f"'{name}'" for name in entries[:_LISTED_ENTRIES]) or "no entries"
    return f"HDF5 file with {listed}"


def _is(file: h5py.File, name: str, value: bytes | int) -> bool:
    # Other programs may write a scalar, an array of one value, or nothing.
    return np.atleast_1d(attribute(file, name, None)).tolist() == [value]


def check_headers(file: h5py.File) -> None:
    """Refuse a file whose headers declare too much memory. No data are read.

    A few bytes can declare gigabytes of data that were never written, or that compress to nothing.

    Raises
    ------
    InputError
        If there are too many objects, the file does not hold values that it declares, or all
        values together need more than ``prefs.brianbridge.memory``.
    """
    from brianbridge.preferences import how_to_raise, memory_budget

    needed, budget = float(os.path.getsize(file.filename)), memory_budget()
    if needed > budget:  # strings of variable length are stored outside of their dataset
        raise InputError(f"it has {needed / 1e6:.4g} MB; to read it, {how_to_raise(needed)}")
    for name, dataset in _datasets(file):
        text = dataset.dtype.kind in "SO"
        declared = float(_PARSED_TEXT if text else 1) * dataset.dtype.itemsize
        declared *= math.prod(dataset.shape or (0,))
        chunk = dataset.dtype.itemsize * math.prod(dataset.chunks or (0,))
        needed += max(declared, chunk)
        if needed > budget:
            raise InputError(
                f"'/{name}' declares {max(declared, chunk) / 1e6:.4g} MB of memory, and the file "
                f"{needed / 1e6:.4g} MB up to there; if that is right, {how_to_raise(needed)}"
            )
        if declared and not dataset.id.get_storage_size() and not _is_elsewhere(dataset):
            raise InputError(f"'/{name}' declares {dataset.size} values, but the file holds none")


def _datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the datasets of a file with their names, each once; links are not followed."""
    found: list[tuple[str, h5py.Dataset]] = []
    number = 0

    def visit(name: str, item: Any) -> bool | None:
        nonlocal number
        number += 1
        if isinstance(item, h5py.Dataset):
            found.append((name, item))
        return number > _MOST_OBJECTS or None

    file.visititems(visit)
    if number > _MOST_OBJECTS:
        raise InputError(f"it has more than {_MOST_OBJECTS} objects, which no network needs")
    yield from found


def _is_elsewhere(dataset: h5py.Dataset) -> bool:
    """Return whether the values of a dataset are stored in other files or datasets."""
    return bool(dataset.external) or dataset.is_virtual


def member(group: h5py.Group, name: str, kind: type[Object]) -> Object:
    """Return a group or dataset that is stored in this file.

    Links into other files are refused: they would show other files of the disk.

    Raises
    ------
    InputError
        If it is missing, of another kind, or stored elsewhere.
    """
    where = f"{group.name.rstrip('/')}/{name}"
    if name not in set(group):
        raise InputError(f"expected a {kind.__name__.lower()} '{where}', but there is none")
    hard = isinstance(group.get(name, getlink=True), h5py.HardLink)
    item: Any = group[name] if hard else None
    elsewhere = isinstance(item, h5py.Dataset) and _is_elsewhere(item)
    if not isinstance(item, kind) or elsewhere:
        raise InputError(f"'{where}' is not a {kind.__name__.lower()} of this file")
    return item


def read_numbers(group: h5py.Group, name: str) -> np.ndarray:
    """Read a dataset of real numbers, in the type of the file.

    Raises
    ------
    InputError
        If there is none, or it does not hold real numbers.
    """
    dataset = member(group, name, h5py.Dataset)
    if dataset.shape is None or dataset.dtype.kind not in "iuf":
        raise InputError(f"'{dataset.name}' holds {dataset.dtype}; expected real numbers")
    return dataset[()]


def read_json(group: h5py.Group, name: str) -> dict[str, Any]:
    """Read a dataset that holds one JSON object as text.

    Raises
    ------
    InputError
        If there is none, or it is not a string with one JSON object.
    """
    dataset = member(group, name, h5py.Dataset)
    if h5py.check_string_dtype(dataset.dtype) is None or dataset.size != 1:
        raise InputError(f"'{dataset.name}' holds {dataset.dtype}; expected one string")
    if dataset.dtype.hasobject:
        TextHeaps(dataset.file, "save the network again").check(dataset)
    entry = parse_json(np.ravel(dataset[()])[0], f"'{dataset.name}'")
    if not isinstance(entry, dict):
        raise InputError(f"'{dataset.name}' is not a JSON object")
    return entry
