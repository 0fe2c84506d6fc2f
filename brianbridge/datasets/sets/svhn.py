"""Read the MATLAB files of the cropped digits of SVHN."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.file_reading import FileContent, check_label_range, wrong_file

__all__ = ["images_and_labels"]


def images_and_labels(
    entry: DatasetEntry, files: Mapping[str, FileContent]
) -> dict[str, tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]]:
    """Return the images and labels of MATLAB files.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.
    files : mapping of str to FileContent
        ``"train"`` and ``"test"``, each with the variables X, of shape (height, width, colour,
        sample), and y, of shape (sample, 1).

    Returns
    -------
    dict of str to (images, labels)
        By part; images of shape (sample, colour, height, width), and the digits as labels.

    Raises
    ------
    InputError
        If a file is not a MATLAB file, or has other variables than the dataset.
    """
    return {part: _part(entry, part, content) for part, content in files.items()}


def _part(
    entry: DatasetEntry, part: str, content: FileContent
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    colours, height, width = entry.shape
    samples, classes = entry.samples[part], len(entry.classes)
    x, y = _variables(entry, content)
    shape = height, width, colours, samples
    if x.shape != shape or x.dtype != np.uint8:
        found = f"its X is {x.dtype} of shape {x.shape}"
        raise wrong_file(entry, content.source, found, f"uint8 of shape {shape}")
    # Any type: MATLAB counts in doubles, but stores them in the smallest type.
    if y.shape != (samples, 1) or y.dtype.kind not in "iuf":
        found = f"its y is {y.dtype} of shape {y.shape}"
        raise wrong_file(entry, content.source, found, f"numbers of shape {(samples, 1)}")
    labels = y[:, 0]
    # MATLAB counts from 1: the digit 0 comes last, as 10.
    check_label_range(entry, content.source, labels, 1, classes)
    return np.ascontiguousarray(x.transpose(3, 2, 0, 1)), labels % classes


def _variables(entry: DatasetEntry, content: FileContent) -> list[npt.NDArray[Any]]:
    from scipy.io import loadmat  # takes a third of a second to import

    try:
        found = loadmat(io.BytesIO(content.data), variable_names=("X", "y"))
    # For damaged files scipy raises many errors: ValueError, zlib.error, its own MatReadError, or
    # MemoryError if a header claims too much.
    except Exception as error:
        raise wrong_file(
            entry,
            content.source,
            f"it cannot be read ({' '.join(str(error).split())})",
            "a whole MATLAB file of version 5",
        ) from error
    missing = [name for name in ("X", "y") if name not in found]
    if missing:
        raise wrong_file(entry, content.source, f"it has no {' and no '.join(missing)}", "X and y")
    return [np.asarray(found[name]) for name in ("X", "y")]
