"""Load a dataset by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.registry import lookup
from brianbridge.datasets.scaling import scaled
from brianbridge.datasets.sets.event_sets import read_event_set, slicing_of
from brianbridge.datasets.sets.image_files import LAYOUTS, read_image_files
from brianbridge.datasets.sets.packages import PACKAGES, read_from_package
from brianbridge.datasets.splits import by_fold, by_fraction, shares
from brianbridge.datasets.unscaled import UnscaledData
from brianbridge.errors import InputError, did_you_mean

__all__ = ["load_dataset"]

_Choice = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], str]


def load_dataset(
    name: str,
    seed: int = 0,
    test_fraction: float = 0.2,
    fold: int | None = None,
    folds: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    frames: Mapping[str, Any] | None = None,
) -> Split:
    """Load a dataset, split into a training and a test part.

    Parameters
    ----------
    name : str
        One of `names()`.
    seed : int
        Seed of the split, for datasets without an official one.
    test_fraction : float
        Share of the test part, between 0 and 1. It has no effect on datasets with an official
        split, nor on folds.
    fold, folds : int, optional
        Number of the fold to test on, counted from 0, and number of folds. Give both or neither.
    folder : path, optional
        The folder or archive with the files of a dataset that does not come with a package. If not
        given, ``$BRIANBRIDGE_DATA/<name>``, the system's share folders and the download cache are
        searched.
    frames : mapping of str, optional
        Options by which event recordings become frames, if other than in the registry: ``steps``,
        ``size`` (rows and columns), ``by`` (``"time"`` or ``"number"``), ``binary``, ``start`` and
        ``end`` (microseconds); see `from_event_folder`.

    Returns
    -------
    Split
        ``train`` and ``test``. Inputs are scaled to [0, 1]; frames hold numbers of events.

    Raises
    ------
    InputError
        If the name is unknown, the dataset is damaged or not on this machine, or the split is not
        possible.

    Examples
    --------
    >>> train, test = load_dataset("digits", seed=1)
    >>> len(train), len(test), train.shape, test.split
    (1437, 360, (8, 8), 'stratified 80/20, seed 1')
    >>> load_dataset("iris", fold=2, folds=5).test.split
    'fold 2 of 5, seed 0'
    """
    entry = lookup(name)
    if (fold is None) != (folds is None):
        raise InputError(f"dataset {name!r}: fold={fold} and folds={folds}; give both or neither")
    if "all" not in entry.samples and folds is not None:
        raise InputError(
            f"dataset {name!r} has an official split and no folds; train_validation splits its "
            "training part"
        )
    if frames is not None and entry.source != "events":
        raise InputError(f"dataset {name!r} has no events to make frames from; leave frames out")

    def choose(y: npt.NDArray[np.int64]) -> _Choice:
        return _chosen(name, y, seed, test_fraction, fold, folds)

    if entry.source == "events":
        return read_event_set(entry, folder, slicing_of(entry, frames or {}), choose)
    if entry.source in LAYOUTS:
        return _scaled_split(entry, read_image_files(entry, folder), choose)
    if entry.read is None and entry.source not in PACKAGES:
        hint = did_you_mean(entry.source, [*LAYOUTS, *PACKAGES, "events"])
        raise InputError(f"dataset {name!r}: there is no source '{entry.source}'. {hint}")
    if folder is not None:
        raise InputError(
            f"dataset {name!r} comes with {entry.source} and is not read from a folder; "
            f"leave out folder = {str(folder)!r}"
        )
    return _scaled_split(entry, read_from_package(entry), choose)


def _chosen(
    name: str,
    y: npt.NDArray[np.int64],
    seed: int,
    test_fraction: float,
    fold: int | None,
    folds: int | None,
) -> _Choice:
    """Return the numbers of the training and test samples, and how they were chosen."""
    if fold is not None and folds is not None:
        return *by_fold(name, y, folds, fold, seed), f"fold {fold} of {folds}, seed {seed}"
    parts = by_fraction(name, y, test_fraction, seed)
    return *parts, f"stratified {shares(test_fraction)}, seed {seed}"


def _scaled_split(
    entry: DatasetEntry, data: UnscaledData, choose: Callable[[npt.NDArray[np.int64]], _Choice]
) -> Split:
    """Split data that have no official split; scale both parts by the training part."""
    parts, how = data.parts, "official"
    if "all" in parts:
        x, y = parts["all"]
        rest, chosen, how = choose(y)
        parts = {"train": (x[rest], y[rest]), "test": (x[chosen], y[chosen])}
    reference = parts["train"][0]

    def dataset(part: str) -> Dataset:
        x, y = parts[part]
        inputs = scaled(x, reference, entry.full_scale).reshape(-1, *entry.shape)
        labels = y.astype(np.int64)
        return Dataset(entry.name, part, how, inputs, labels, entry.classes, data.sha256)

    return Split(dataset("train"), dataset("test"))
