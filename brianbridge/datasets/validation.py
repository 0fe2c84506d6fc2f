"""Split a validation part off a training set."""

from __future__ import annotations

from dataclasses import replace

from brianbridge.datasets.dataset import Dataset
from brianbridge.datasets.splits import by_fraction, shares

__all__ = ["train_validation"]


def train_validation(
    dataset: Dataset, fraction: float = 0.1, seed: int = 0
) -> tuple[Dataset, Dataset]:
    """Split a validation part off a training set.

    Parameters
    ----------
    dataset : Dataset
        The training set.
    fraction : float
        Fraction of the validation part, between 0 and 1.
    seed : int
        Seed of the choice.

    Returns
    -------
    train, validation : Dataset
        The two parts, stratified; their `split` says how they were made.

    Raises
    ------
    InputError
        If a class would be missing from a part.

    Examples
    --------
    >>> from brianbridge.datasets import load_dataset
    >>> train, validation = train_validation(load_dataset("iris").train, 0.25, seed=3)
    >>> len(train), len(validation), validation.split
    (90, 30, 'stratified 80/20, seed 0; train/validation 75/25, seed 3')
    """
    rest, chosen = by_fraction(dataset.name, dataset.y, fraction, seed)
    split = f"{dataset.split}; train/validation {shares(fraction)}, seed {seed}"
    x, y = dataset.x, dataset.y
    return (
        replace(dataset, part="train", split=split, x=x[rest], y=y[rest]),
        replace(dataset, part="validation", split=split, x=x[chosen], y=y[chosen]),
    )
