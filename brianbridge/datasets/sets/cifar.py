"""Read the binary files of CIFAR-10 and CIFAR-100.

A file is a sequence of records. A record has the label bytes (the class; in CIFAR-100 the
superclass before it), then the red, the green and the blue plane of the image, each row by row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.file_reading import FileContent, check_label_range

__all__ = ["images_and_labels"]


def images_and_labels(
    entry: DatasetEntry, files: Mapping[str, FileContent]
) -> dict[str, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Return the images and labels of CIFAR files.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.
    files : mapping of str to FileContent
        By role: the part, and the number of the file if the part has several, as ``"train_2"``.

    Returns
    -------
    dict of str to (images, labels)
        By part, in the order of the files.

    Raises
    ------
    InputError
        If a file has a wrong label.
    """
    found: dict[str, list[npt.NDArray[np.uint8]]] = {"train": [], "test": []}
    for role, content in files.items():
        size = entry.label_bytes + math.prod(entry.shape)
        records = np.frombuffer(content.data, np.uint8).reshape(-1, size)
        labels = records[:, entry.label_bytes - 1]
        check_label_range(entry, content.source, labels, 0, len(entry.classes) - 1)
        found[role.split("_")[0]].append(records)
    return {part: _part(entry, records) for part, records in found.items()}


def _part(
    entry: DatasetEntry, records: list[npt.NDArray[np.uint8]]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    images = np.concatenate([r[:, entry.label_bytes :] for r in records])
    labels = np.concatenate([r[:, entry.label_bytes - 1] for r in records])
    return images.reshape(-1, *entry.shape), labels
