"""The samples of a study, and those of a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.datasets import Dataset, Split, load_dataset
from brianbridge.study.schema import Study
from brianbridge.study.trained_on import trained_on

__all__ = ["first_samples", "held_out", "load_split", "split_of"]


def load_split(study: Study, fold: int | None = None) -> Split:
    """Load the data of a study, or of one of its folds."""
    entry = study.dataset
    return load_dataset(
        entry.name,
        seed=study.seed,
        test_fraction=entry.test_fraction,
        folds=entry.folds if fold is not None else None,
        fold=fold,
        folder=entry.folder,
    )


def split_of(provenance: Mapping[str, Any], name: str, folder: str | None = None) -> Split:
    """Return data set `name`, with the split on which a network was trained.

    Parameters
    ----------
    provenance : mapping
        Provenance of the network.
    name : str
        Name of the data set. If the network was trained on another one, the split is the default.
    folder : str, optional
        Folder that has the data set's files.
    """
    entry = trained_on(provenance)
    return load_dataset(name, folder=folder, **(entry.arguments() if entry.name == name else {}))


def held_out(provenance: Mapping[str, Any], name: str, folder: str | None = None) -> Dataset:
    """Return the test samples of `split_of`."""
    return split_of(provenance, name, folder).test


def first_samples(data: Dataset, samples: int | None) -> Dataset:
    """Return the first `samples` samples; all of them if None."""
    return data if samples is None else data.subset(np.arange(min(samples, len(data))))
