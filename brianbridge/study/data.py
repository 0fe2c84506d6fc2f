"""The samples of a study, and those of a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.datasets import Dataset, Split, load_dataset
from brianbridge.datasets.loading import load_for_test
from brianbridge.datasets.sets.array_sets import is_path
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
        arrays=entry.arrays or None,
        scale=entry.scale,
    )


def split_of(
    provenance: Mapping[str, Any], name: str, folder: str | None = None, **options: Any
) -> tuple[Dataset | None, Dataset]:
    """Return training and test samples of data set `name`, as a network was trained on them.

    Parameters
    ----------
    provenance : mapping
        Provenance of the network.
    name : str
        Name or file of the data set. If the network was trained on another one, the split is the
        default; of a file without a test part of its own, all samples are for the test.
    folder : str, optional
        Folder that has the data set's files.
    **options
        Options of a file; see `brianbridge.datasets.load_dataset`.
    """
    entry = trained_on(provenance)
    if is_path(name) and entry.name != Path(name).name:
        return load_for_test(name, **options)
    own = entry.arguments() if entry.name in (name, Path(name).name) else {}
    split = load_dataset(name, folder=folder, **own, **options)
    return split.train, split.test


def held_out(
    provenance: Mapping[str, Any], name: str, folder: str | None = None, **options: Any
) -> Dataset:
    """Return the test samples of `split_of`."""
    return split_of(provenance, name, folder, **options)[1]


def first_samples(data: Dataset, samples: int | None) -> Dataset:
    """Return the first `samples` samples; all of them if None."""
    return data if samples is None else data.subset(np.arange(min(samples, len(data))))
