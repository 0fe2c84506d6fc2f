"""Read the datasets of four IDX files: images and labels of each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.file_reading import FileContent, check_label_range, wrong_file
from brianbridge.datasets.formats.idx import parse_idx

__all__ = ["images_and_labels"]


def images_and_labels(
    entry: DatasetEntry, files: Mapping[str, FileContent]
) -> dict[str, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Return the images and labels of IDX files.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.
    files : mapping of str to FileContent
        ``"train_images"``, ``"train_labels"``, ``"test_images"`` and ``"test_labels"``.

    Returns
    -------
    dict of str to (images, labels)
        By part.

    Raises
    ------
    InputError
        If a file is not an IDX file, has another shape or type than the dataset, or a wrong label.
    """
    found = {}
    for part in ("train", "test"):
        images = _array(entry, files[f"{part}_images"], entry.samples[part], *entry.shape)
        labels = _array(entry, files[f"{part}_labels"], entry.samples[part])
        check_label_range(entry, files[f"{part}_labels"].source, labels, 0, len(entry.classes) - 1)
        found[part] = images, labels
    return found


def _array(entry: DatasetEntry, content: FileContent, *shape: int) -> npt.NDArray[Any]:
    array = parse_idx(content.data, content.source)
    if array.shape != shape or array.dtype != np.uint8:
        raise wrong_file(
            entry,
            content.source,
            f"it holds {array.dtype} of shape {array.shape}",
            f"uint8 of shape {shape}",
        )
    return array
