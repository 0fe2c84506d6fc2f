"""Labelled samples in the forms that users have: arrays, torch's datasets and loaders."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from brianbridge.arrays import as_array
from brianbridge.datasets.arrays import from_arrays
from brianbridge.datasets.dataset import Dataset
from brianbridge.errors import InputError
from brianbridge.network.spike_frames import are_spike_trains

__all__ = ["as_dataset", "has_labels"]

#: Name of a dataset that was given without one.
_NAME = "your data"
#: Samples of a torch dataset that are put together at a time.
_BATCH = 256


def as_dataset(data: Any, called: str = "the network") -> Dataset:
    """Return labelled samples as a `Dataset`.

    Parameters
    ----------
    data : Dataset, pair of array_like, torch Dataset or torch DataLoader
        A pair ``(x, y)`` is read as by `from_arrays`. A torch dataset has pairs of a sample and its
        label. Of a loader, all samples of its dataset are taken in their order, put together by its
        ``collate_fn``: training shuffles and batches them itself.
    called : str
        What the data are for, in messages.

    Raises
    ------
    InputError
        If the data are something else, or a loader leaves samples out or repeats them.

    Examples
    --------
    >>> as_dataset(([[0.1, 0.9], [0.7, 0.2]], [0, 1]))
    Dataset 'your data', all (as given): 2 samples of 2 values, 2 classes (0, 1)
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return from_arrays(_NAME, *data)
    if "torch" in sys.modules:  # or there are no objects of its classes
        from torch.utils.data import DataLoader
        from torch.utils.data import Dataset as TorchDataset

        loader = data
        if isinstance(data, TorchDataset) and hasattr(data, "__len__"):
            loader = DataLoader(data, _BATCH)
        if isinstance(loader, DataLoader):
            return _of_loader(loader, called)
    raise InputError(
        f"{called}: the data are of type {type(data).__name__}, and not a Dataset; give "
        "bb.from_arrays('mine', x, y), or (x, y)"
    )


def has_labels(data: Any) -> bool:
    """Return whether data are of a kind with labels, which `as_dataset` takes, or samples alone.

    Examples
    --------
    >>> x, y = [[0.1, 0.9], [0.7, 0.2]], [0, 1]
    >>> has_labels((x, y)), has_labels(x)
    (True, False)
    """
    if isinstance(data, tuple):
        return len(data) == 2 and not are_spike_trains(data)
    if "torch" in sys.modules:
        from torch.utils.data import DataLoader
        from torch.utils.data import Dataset as TorchDataset

        if isinstance(data, DataLoader | TorchDataset):
            return True
    return isinstance(data, Dataset)


def _of_loader(loader: Any, called: str) -> Dataset:
    """Return all samples of the dataset of a loader, in their order."""
    from torch.utils.data import RandomSampler, SequentialSampler

    sampler, dataset = loader.sampler, loader.dataset
    if (
        loader.batch_size is None
        or not (
            type(sampler) is SequentialSampler
            or (type(sampler) is RandomSampler and not sampler.replacement)
        )
        or len(sampler) != len(dataset)
    ):
        raise InputError(
            f"{called}: the loader does not visit each sample of its dataset once "
            f"({type(sampler).__name__}), but training does; give the dataset itself, or "
            "torch.utils.data.Subset(dataset, indices)"
        )
    x: list[np.ndarray] = []
    y: list[np.ndarray] = []
    for low in range(0, len(dataset), loader.batch_size):
        high = min(low + loader.batch_size, len(dataset))
        batch = loader.collate_fn([dataset[k] for k in range(low, high)])
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise InputError(
                f"{called}: the torch dataset does not give pairs of a sample and its label; let "
                "it return (x, y)"
            )
        for parts, values in zip((x, y), batch, strict=True):
            parts.append(as_array(values, "the values of the torch dataset"))
    if not x:
        raise InputError(f"{called}: the torch dataset has no samples; give at least one")
    return from_arrays(_NAME, np.concatenate(x), np.concatenate(y))
