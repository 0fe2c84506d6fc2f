"""The sets that are four IDX files with an official split."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets import places
from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.idx import decompressed, parse_idx
from brianbridge.datasets.registry import Entry, IdxFile
from brianbridge.datasets.scaling import scaled
from brianbridge.errors import InputError

__all__ = ["read_official"]


def read_official(entry: Entry, folder: str | os.PathLike[str] | None) -> Split:
    """Read a set from its IDX files.

    Parameters
    ----------
    entry : Entry
        Which set.
    folder : path or None
        Where its files are; None looks in the usual places.

    Returns
    -------
    Split
        The official one.

    Raises
    ------
    InputError
        If the files are not found, damaged, or not those of the set.
    """
    home = _home(entry, folder)
    arrays: dict[str, npt.NDArray[Any]] = {}
    digest = hashlib.sha256()
    for role, file in entry.files.items():
        path = places.file_in(home, file.name)
        if path is None:  # deleted since it was found
            raise InputError(f"dataset {entry.name!r}: {home / file.name} has gone")
        content = decompressed(path)
        digest.update(content)
        arrays[role] = parse_idx(content, path)
        _check_content(entry, file, content, path)
        _check_shape(entry, role, arrays[role], path)

    def part(name: str) -> Dataset:
        return Dataset(
            entry.name,
            name,
            "official",
            scaled(arrays[f"{name}_images"], arrays["train_images"], entry.full_scale),
            arrays[f"{name}_labels"].astype(np.int64),
            entry.classes,
            digest.hexdigest(),
        )

    return Split(part("train"), part("test"))


def _home(entry: Entry, folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        home = places.find(entry)
        if home is None:
            raise InputError(f"dataset {entry.name!r} is not here. Get it: {places.remedy(entry)}")
        return home
    home = Path(folder).expanduser()
    missing = places.lacking(entry, home)
    if missing:
        raise InputError(
            f"dataset {entry.name!r}: {home} lacks {', '.join(missing)} (or the same with .gz)"
        )
    return home


def _check_content(entry: Entry, file: IdxFile, content: bytes, path: Path) -> None:
    if len(content) != file.bytes:
        raise InputError(
            f"{path}: not a file of {entry.name}, its content has {len(content)} bytes; expected "
            f"{file.bytes}"
        )
    actual = hashlib.sha256(content).hexdigest()
    if file.sha256 not in (None, actual):
        raise InputError(
            f"{path}: not a file of {entry.name} or damaged, its content has sha256 {actual}; "
            f"expected {file.sha256}. Get it again: {places.remedy(entry)}"
        )


def _check_shape(entry: Entry, role: str, array: npt.NDArray[Any], path: Path) -> None:
    part, kind = role.split("_")
    expected = (entry.samples[part], *(entry.shape if kind == "images" else ()))
    if array.shape != expected or array.dtype != np.uint8:
        raise InputError(
            f"{path}: not a file of {entry.name}, it holds {array.dtype} of shape {array.shape}; "
            f"expected uint8 of shape {expected}"
        )
