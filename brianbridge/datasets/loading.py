"""Load a dataset by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.registry import lookup
from brianbridge.datasets.scaling import scaled
from brianbridge.datasets.sets.array_sets import is_path, read_array_set
from brianbridge.datasets.sets.event_sets import read_event_set, slicing_of
from brianbridge.datasets.sets.image_files import LAYOUTS, read_image_files
from brianbridge.datasets.sets.packages import PACKAGES, read_from_package
from brianbridge.datasets.splits import by_fold, by_fraction, shares
from brianbridge.datasets.unscaled import UnscaledData
from brianbridge.errors import InputError, did_you_mean
from brianbridge.paths import checked_path

__all__ = ["load_dataset", "load_for_test"]

_Choice = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], str]


def load_dataset(
    name: Any,
    seed: int = 0,
    test_fraction: float = 0.2,
    fold: int | None = None,
    folds: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    frames: Mapping[str, Any] | None = None,
    arrays: Mapping[str, str] | None = None,
    scale: float | None = None,
) -> Split:
    """Load a dataset by its name or from a file, split into a training and a test part.

    Parameters
    ----------
    name : str or path-like
        One of `names()`. Or the path of an ``.npz`` file, or of a folder of ``.npy`` files, with
        the arrays ``x`` (samples, *shape) and ``y`` (samples,), or ``x_train``, ``y_train``,
        ``x_test`` and ``y_test``; the names of the classes may be in ``classes``.
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
    arrays : mapping of str to str, optional
        Names of the arrays in a file, if others: ``{"x": "images", "y": "labels"}``.
    scale : float, optional
        What the samples of a file are divided by, such as 255 for pixels. Bytes need it.

    Returns
    -------
    Split
        ``train`` and ``test``. Inputs are scaled to [0, 1], except those of files; frames hold
        numbers of events.

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
    if (fold is None) != (folds is None):
        raise InputError(f"dataset {name!r}: fold={fold} and folds={folds}; give both or neither")

    def choose(y: npt.NDArray[np.int64]) -> _Choice:
        return _chosen(str(name), y, seed, test_fraction, fold, folds)

    if is_path(name):
        _leave_out(name, folder=folder, frames=frames)
        return _split_of_file(
            name, read_array_set(checked_path(name), arrays, scale), folds, choose
        )
    entry = lookup(name)
    _leave_out(name, arrays=arrays, scale=scale)
    if "all" not in entry.samples and folds is not None:
        raise InputError(
            f"dataset {name!r} has an official split and no folds; train_validation splits its "
            "training part"
        )
    if frames is not None and entry.source != "events":
        raise InputError(f"dataset {name!r} has no events to make frames from; leave frames out")
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


def load_for_test(
    path: str | os.PathLike[str],
    arrays: Mapping[str, str] | None = None,
    scale: float | None = None,
) -> tuple[Dataset | None, Dataset]:
    """Load a file of which a network has seen nothing: all samples may test it.

    Parameters
    ----------
    path, arrays, scale
        See `load_dataset`.

    Returns
    -------
    train : Dataset or None
        The training part, if the file has one.
    test : Dataset
        Its test part, or all samples.
    """
    parts = read_array_set(checked_path(path), arrays, scale)
    if "all" in parts:
        return None, replace(parts["all"], part="test", split="all samples")
    train, test = _official(parts)
    return train, test


def _split_of_file(
    name: Any,
    parts: Mapping[str, Dataset],
    folds: int | None,
    choose: Callable[[npt.NDArray[np.int64]], _Choice],
) -> Split:
    """Return the split of a file, or choose one."""
    if "all" not in parts:
        if folds is not None:
            raise InputError(f"{name}: has a test part of its own and no folds; leave folds out")
        return _official(parts)
    whole = parts["all"]
    rest, chosen, how = choose(whole.y)
    return Split(
        *(
            replace(whole, part=part, split=how, x=whole.x[index], y=whole.y[index])
            for part, index in (("train", rest), ("test", chosen))
        )
    )


def _official(parts: Mapping[str, Dataset]) -> Split:
    return Split(*(replace(parts[part], split="official") for part in ("train", "test")))


def _leave_out(name: Any, **options: Any) -> None:
    """Refuse options of the other kind of dataset."""
    for key, value in options.items():
        if value is not None:
            owner = "a file of your own" if is_path(name) else "a dataset with a name"
            raise InputError(f"dataset {str(name)!r}: {key} is not for {owner}; leave it out")


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
