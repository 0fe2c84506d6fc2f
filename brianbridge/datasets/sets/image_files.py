"""Read image datasets that come as files, with an official training and test part."""

from __future__ import annotations

import hashlib
import os

from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.file_reading import read_files
from brianbridge.datasets.sets import cifar, idx, svhn
from brianbridge.datasets.unscaled import UnscaledData

__all__ = ["LAYOUTS", "read_image_files"]

#: The functions that turn files into parts, by ``source`` in the registry.
LAYOUTS = {
    "idx": idx.images_and_labels,
    "cifar": cifar.images_and_labels,
    "svhn": svhn.images_and_labels,
}


def read_image_files(entry: DatasetEntry, folder: str | os.PathLike[str] | None) -> UnscaledData:
    """Read a dataset from its files.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.
    folder : path or None
        The folder or archive with its files; the usual folders are searched if None.

    Returns
    -------
    UnscaledData
        The official parts.

    Raises
    ------
    InputError
        If the files are not found, are damaged, or belong to another dataset.
    """
    files = read_files(entry, folder)
    digest = hashlib.sha256()
    for file in files.values():
        digest.update(file.data)
    return UnscaledData(LAYOUTS[entry.source](entry, files), digest.hexdigest())
