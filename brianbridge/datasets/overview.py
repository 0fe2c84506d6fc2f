"""Describe the datasets, and find which of them are on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from brianbridge.datasets import file_search
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.registry import registry
from brianbridge.datasets.sets.packages import PACKAGES

__all__ = ["Description", "describe"]


@dataclass(frozen=True)
class Description:
    """Describe a dataset without loading it.

    Parameters
    ----------
    name, title : str
        Its name in brianbridge, and its full name.
    shape : tuple of int
        Shape of one sample.
    classes : tuple of str
        Class names.
    samples : mapping of str to int
        ``{"all": n}``, or ``{"train": n, "test": m}`` with an official split.
    licence : str
        The terms of use.
    available : bool
        Whether `load_dataset` would find it now.
    where : str or None
        The package with its version, or the folder.
    how : str
        How to get it.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    samples: Mapping[str, int]
    licence: str
    available: bool
    where: str | None
    how: str


def describe() -> tuple[Description, ...]:
    """Describe all datasets. Files and packages are searched for, but no data are read.

    Returns
    -------
    tuple of Description
        In the order of the registry.

    Examples
    --------
    >>> [d.name for d in describe() if d.samples == {"all": 150}]
    ['iris']
    """
    return tuple(_describe(entry) for entry in registry().values())


def _describe(entry: DatasetEntry) -> Description:
    if entry.files or entry.folders:
        folder = file_search.find_files(entry)
        where, how = (str(folder) if folder else None), file_search.how_to_get(entry)
    else:
        where, how = _package_of(entry)
    return Description(
        name=entry.name,
        title=entry.title,
        shape=entry.shape,
        classes=entry.classes,
        samples=entry.samples,
        licence=entry.licence,
        available=where is not None,
        where=where,
        how=how,
    )


def _package_of(entry: DatasetEntry) -> tuple[str | None, str]:
    """Return the package that has a dataset, if it is installed, and how to install it."""
    if entry.read is not None:  # the entry comes from its package, which is installed
        return _installed(entry.source) or entry.source, f"pip install {entry.source}"
    package = PACKAGES[entry.source]
    return _installed(package.distribution), package.install


def _installed(distribution: str) -> str | None:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return None
