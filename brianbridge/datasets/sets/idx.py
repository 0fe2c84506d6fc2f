"""The sets that are four IDX files: images and labels of each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.formats.idx import parse_idx
from brianbridge.datasets.registry import Entry
from brianbridge.datasets.verified_files import Content, check_range, not_of

__all__ = ["parts"]


def parts(
    entry: Entry, files: Mapping[str, Content]
) -> dict[str, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Take images and labels out of IDX files.

    Parameters
    ----------
    entry : Entry
        Which set.
    files : mapping of str to Content
        ``"train_images"``, ``"train_labels"``, ``"test_images"`` and ``"test_labels"``.

    Returns
    -------
    dict of str to (images, labels)
        By part.

    Raises
    ------
    InputError
        If a file is no IDX file, has another shape or type than the set, or a label of no class.
    """
    found = {}
    for part in ("train", "test"):
        images = _array(entry, files[f"{part}_images"], entry.samples[part], *entry.shape)
        labels = _array(entry, files[f"{part}_labels"], entry.samples[part])
        check_range(entry, files[f"{part}_labels"].source, labels, 0, len(entry.classes) - 1)
        found[part] = images, labels
    return found


def _array(entry: Entry, content: Content, *shape: int) -> npt.NDArray[Any]:
    array = parse_idx(content.data, content.source)
    if array.shape != shape or array.dtype != np.uint8:
        raise not_of(
            entry,
            content.source,
            f"it holds {array.dtype} of shape {array.shape}",
            f"uint8 of shape {shape}",
        )
    return array
