"""The datasets that can be loaded by name: those of ``data/registry.toml`` and of other packages.

Another package offers a dataset by an entry point in the group ``brianbridge.datasets``. The
entry point has the name of the dataset and refers to a `DatasetEntry` with `read`.
"""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from brianbridge.datasets.entry import Archive, DataFile, DatasetEntry
from brianbridge.errors import InputError, did_you_mean
from brianbridge.registry import Registry
from brianbridge.share import share_folder

__all__ = ["lookup", "names", "registry"]


def _entry(name: str, table: dict[str, Any]) -> DatasetEntry:
    files = {role: DataFile(**file) for role, file in table.pop("files", {}).items()}
    archive = Archive(**table.pop("archive")) if "archive" in table else None
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return DatasetEntry(name=name, files=files, archive=archive, **plain)


def _read(path: Path) -> Mapping[str, DatasetEntry]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return MappingProxyType({name: _entry(name, table) for name, table in tables.items()})


@cache
def registry() -> Mapping[str, DatasetEntry]:
    """Return all datasets that can be loaded by name.

    Returns
    -------
    mapping of str to DatasetEntry
        In the order of the file, then those of other packages; read once.

    Examples
    --------
    >>> registry()["digits"].shape
    (8, 8)
    """
    found: Registry[DatasetEntry] = Registry("dataset", "brianbridge.datasets")
    shipped = _read(share_folder("data") / "registry.toml")
    for name, entry in shipped.items():
        found.add(name, entry)
    others = {name: found[name] for name in found if name not in shipped}
    return MappingProxyType({**shipped, **_usable(others)})


def _usable(entries: Mapping[str, Any]) -> dict[str, DatasetEntry]:
    """Return the entries of other packages under the names of their entry points."""
    usable = {}
    for name, entry in entries.items():
        if isinstance(entry, DatasetEntry) and entry.read is not None:
            usable[name] = replace(entry, name=name)
        else:
            warnings.warn(
                f"dataset '{name}' cannot be used: {entry!r:.80} is not a DatasetEntry with `read`",
                RuntimeWarning,
                stacklevel=2,
            )
    return usable


def names() -> tuple[str, ...]:
    """Return the names of all datasets.

    Examples
    --------
    >>> "fashion_mnist" in names()
    True
    """
    return tuple(registry())


def lookup(name: str) -> DatasetEntry:
    """Find a dataset by name.

    Raises
    ------
    InputError
        If there is no such dataset. The message suggests the nearest name.

    Examples
    --------
    >>> lookup("iris").title
    'Iris plants'
    """
    if not isinstance(name, str):
        raise InputError(f"dataset {name!r:.80} is not a name; give one of bb.datasets.names()")
    if name not in registry():
        hint = did_you_mean(name, names())
        with suppress(OSError, ValueError):  # no file can have this name
            if Path(name).exists():
                hint = f"For the folder of this name, give './{name}'"
        raise InputError(f"there is no dataset {name!r:.80}. {hint}")
    return registry()[name]
