"""Seeded, stratified splits: each class has the same share in both parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError

__all__ = ["by_fold", "by_fraction", "shares"]

Indices = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def by_fraction(name: str, y: npt.NDArray[np.int64], fraction: float, seed: int) -> Indices:
    """Choose a fraction of the samples of each class.

    Parameters
    ----------
    name : str
        Name of the dataset, for messages.
    y : ndarray of int64, shape (samples,)
        Labels.
    fraction : float
        Fraction to choose, between 0 and 1.
    seed : int
        Seed of the choice.

    Returns
    -------
    rest, chosen : ndarray of int64
        Sample numbers, shuffled, so that the first n of a part are a random sample of it.

    Raises
    ------
    InputError
        If a class would be missing from a part.

    Examples
    --------
    >>> rest, chosen = by_fraction("demo", np.array([0, 0, 0, 0, 1, 1]), 0.5, seed=1)
    >>> len(rest), len(chosen)
    (3, 3)
    """
    from sklearn.model_selection import StratifiedShuffleSplit

    if not 0.0 < fraction < 1.0:
        raise InputError(f"dataset {name!r}: cannot split off {fraction:g}; give between 0 and 1")
    return _guarded(
        name,
        f"split off {fraction:g} of {len(y)} samples",
        lambda: next(StratifiedShuffleSplit(1, test_size=fraction, random_state=seed).split(y, y)),
    )


def by_fold(name: str, y: npt.NDArray[np.int64], folds: int, fold: int, seed: int) -> Indices:
    """Choose one of k folds.

    Parameters
    ----------
    name : str
        Name of the dataset, for messages.
    y : ndarray of int64, shape (samples,)
        Labels.
    folds, fold : int
        Number of folds, and which one to choose, counted from 0.
    seed : int
        Seed of the division into folds.

    Returns
    -------
    rest, chosen : ndarray of int64
        Sample numbers, shuffled. The `chosen` of all folds together are the whole set.

    Raises
    ------
    InputError
        If there is no such fold, or a class has fewer samples than there are folds.

    Examples
    --------
    >>> rest, chosen = by_fold("demo", np.array([0, 0, 0, 1, 1, 1]), folds=3, fold=0, seed=1)
    >>> len(rest), len(chosen)
    (4, 2)
    """
    from sklearn.model_selection import StratifiedKFold

    smallest = int(np.unique(y, return_counts=True)[1].min())
    if not 2 <= folds <= smallest:
        raise InputError(
            f"dataset {name!r}: {folds} folds are not possible; give 2 to {smallest}, the size of "
            "the smallest class"
        )
    if not 0 <= fold < folds:
        raise InputError(f"dataset {name!r}: there is no fold {fold}; give 0 to {folds - 1}")

    def split() -> Indices:
        folded = StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y)
        rest, chosen = list(folded)[fold]
        rng = np.random.default_rng(seed)
        return rng.permutation(rest), rng.permutation(chosen)

    return _guarded(name, f"make {folds} folds", split)


def _guarded(name: str, what: str, split: Callable[[], Any]) -> Indices:
    try:
        rest, chosen = split()
    except ValueError as error:
        raise InputError(
            f"dataset {name!r}: cannot {what}: {error} (each class needs samples on both sides)"
        ) from error
    return rest, chosen


def shares(fraction: float) -> str:
    """Format the shares of both parts of a split in per cent.

    Examples
    --------
    >>> shares(0.2)
    '80/20'
    """
    return f"{100 * (1 - fraction):.4g}/{100 * fraction:.4g}"
