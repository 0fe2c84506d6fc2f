"""Read the data sets of images that are files, with an official training and test part."""

from __future__ import annotations

import hashlib
import os

from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.file_reading import read_files
from brianbridge.datasets.sets import cifar, idx, svhn
from brianbridge.datasets.unscaled import UnscaledData

__all__ = ["LAYOUTS", "read_image_files"]

#: By the name in the registry, under ``source``: the function that turns files into parts.
LAYOUTS = {
    "idx": idx.images_and_labels,
    "cifar": cifar.images_and_labels,
    "svhn": svhn.images_and_labels,
}


def read_image_files(entry: DatasetEntry, folder: str | os.PathLike[str] | None) -> UnscaledData:
    """Read a data set from its files.

    Parameters
    ----------
    entry : DatasetEntry
        Which set.
    folder : path or None
        The folder of its files, or the archive they come in; the usual folders are searched if
        None.

    Returns
    -------
    UnscaledData
        The official parts.

    Raises
    ------
    InputError
        If the files are not found, damaged, or not those of the set.
    """
    files = read_files(entry, folder)
    digest = hashlib.sha256()
    for file in files.values():
        digest.update(file.data)
    return UnscaledData(LAYOUTS[entry.source](entry, files), digest.hexdigest())
