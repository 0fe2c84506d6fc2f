"""The sets that are files with an official split."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.registry import Entry
from brianbridge.datasets.scaling import scaled
from brianbridge.datasets.sets import cifar as cifar_sets
from brianbridge.datasets.sets import idx as idx_sets
from brianbridge.datasets.sets import svhn as svhn_sets
from brianbridge.datasets.verified_files import contents

__all__ = ["read_official"]

# Each turns the files of a set into images and labels, by part.
_PARSERS = {"idx": idx_sets.parts, "cifar": cifar_sets.parts, "svhn": svhn_sets.parts}

_Parts = dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]


def read_official(entry: Entry, folder: str | os.PathLike[str] | None) -> Split:
    """Read a set from its files.

    Parameters
    ----------
    entry : Entry
        Which set.
    folder : path or None
        Where its files are, or the archive they come in; None looks in the usual places.

    Returns
    -------
    Split
        The official one.

    Raises
    ------
    InputError
        If the files are not found, damaged, or not those of the set.
    """
    parts, sha256 = _read(entry, folder)

    def part(name: str) -> Dataset:
        images, labels = parts[name]
        x = scaled(images, parts["train"][0], entry.full_scale)
        y = labels.astype(np.int64)
        return Dataset(entry.name, name, "official", x, y, entry.classes, sha256)

    return Split(part("train"), part("test"))


# Apart, so that the files are out of memory before the images become four times as large.
def _read(entry: Entry, folder: str | os.PathLike[str] | None) -> tuple[_Parts, str]:
    files = contents(entry, folder)
    digest = hashlib.sha256()
    for content in files.values():
        digest.update(content.data)
    return _PARSERS[entry.source](entry, files), digest.hexdigest()
