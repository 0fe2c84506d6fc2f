"""Read the datasets of event recordings that are in the registry."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets import file_search
from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.formats.event_frames import Slicing
from brianbridge.datasets.sets.event_folders import (
    Labels,
    Recordings,
    fill_frames,
    find_recordings,
)
from brianbridge.errors import InputError, did_you_mean
from brianbridge.paths import checked_path

__all__ = ["read_event_set", "slicing_of"]

#: Turns labels into the numbers of the training and test samples, and says how they were chosen.
Choose = Callable[[Labels], tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], str]]


def slicing_of(entry: DatasetEntry, options: Mapping[str, Any]) -> Slicing:
    """Return how the recordings of a set are cut into frames.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset; its shape in the registry is the default.
    options : mapping of str
        Fields of `Slicing`.

    Raises
    ------
    InputError
        If there is no such option, or its value is wrong.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> slicing_of(lookup("nmnist"), {"steps": 16}).shape
    (16, 2, 34, 34)
    """
    known = Slicing.__dataclass_fields__
    for key in options:
        if key not in known:
            raise InputError(
                f"dataset {entry.name!r}: frames has no option {key!r}. {did_you_mean(key, known)}"
            )
    steps, _, height, width = entry.shape
    return Slicing(**{"steps": steps, "size": (height, width), **options})


def read_event_set(
    entry: DatasetEntry, folder: str | os.PathLike[str] | None, slicing: Slicing, choose: Choose
) -> Split:
    """Read a set of event recordings.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.
    folder : path or None
        The folder with the folders of its parts; the usual folders are searched if None.
    slicing : Slicing
        How recordings are cut into frames.
    choose : callable
        How to split a dataset that has no official split.

    Returns
    -------
    Split
        The official split if there is one.

    Raises
    ------
    InputError
        If the files are not found or damaged, or their number is wrong.
    """
    assert entry.sensor is not None
    home = _folder_of(entry, folder)
    found = {part: _part(entry, home, part) for part in entry.folders}
    how = "official"
    if "all" in found:
        paths, y = found["all"].paths, found["all"].y
        train, test, how = choose(y)
    else:
        paths = [*found["train"].paths, *found["test"].paths]
        y = np.concatenate([found["train"].y, found["test"].y])
        train, test = np.split(np.arange(len(y)), [len(found["train"].y)])
    parts = {"train": train, "test": test}
    x = {
        part: np.empty((len(chosen), *slicing.shape), np.float32) for part, chosen in parts.items()
    }
    # Read in the order of the files, for the digest; write each into its row of a part.
    rows = {int(n): x[part][row] for part in parts for row, n in enumerate(parts[part])}
    sha256 = fill_frames([rows[n] for n in range(len(y))], paths, entry.sensor, slicing)
    return Split(
        *(
            Dataset(entry.name, part, how, x[part], y[chosen], entry.classes, sha256)
            for part, chosen in parts.items()
        )
    )


def _part(entry: DatasetEntry, home: Path, part: str) -> Recordings:
    found = find_recordings(entry.name, home / entry.folders[part], entry.classes)
    if len(found.y) != entry.samples[part]:
        raise InputError(
            f"dataset {entry.name!r}: {home / entry.folders[part]} has {len(found.y)} recordings, "
            f"but the dataset has {entry.samples[part]}; unpack it again, or read what is there "
            "with datasets.from_event_folder"
        )
    return found


def _folder_of(entry: DatasetEntry, folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        found = file_search.find_files(entry)
        if found is None:
            raise InputError(
                f"dataset {entry.name!r} was not found. Get it: {file_search.how_to_get(entry)}"
            )
        return found
    given = checked_path(folder, f"folder of dataset {entry.name!r}", home=True)
    missing = file_search.missing_files(entry, given)
    if missing:
        raise InputError(
            f"dataset {entry.name!r}: {given} lacks the folder {missing[0]}. Get it: "
            f"{file_search.how_to_get(entry)}"
        )
    return given
