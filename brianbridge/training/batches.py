"""Encoded batches of training and evaluation samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from brianbridge.datasets import Dataset
from brianbridge.training.options import TrainingOptions
from brianbridge.twin.network import NetworkTwin

__all__ = ["Batch", "batches"]

#: Current, raster and labels of a batch.
Batch = tuple[tuple[Tensor | None, Tensor | None], Tensor]

#: Separates the random numbers of the augmentation from those of the order of samples.
_AUGMENTATION = 0xA06
#: Smallest batch in evaluation, which needs less memory than training.
_EVALUATED = 500


def batches(
    twin: NetworkTwin,
    data: Dataset,
    order: np.ndarray,
    options: TrainingOptions,
    seed: int,
    stream: int,
) -> Iterator[Batch]:
    """Yield encoded input and labels, batch by batch.

    Parameters
    ----------
    twin : NetworkTwin
        The twin whose input is encoded.
    data : Dataset
        The samples.
    order : numpy.ndarray of int, shape (samples,)
        Numbers of the samples, in the order in which they are returned.
    options : TrainingOptions
        Batch size and augmentation.
    seed : int
        Seed of the training.
    stream : int
        The epoch, counted from 1, which determines the random numbers. 0 is for evaluation: without
        augmentation, and in batches of at least 500 samples.
    """
    random = np.random.default_rng((seed, stream, _AUGMENTATION))
    size = options.batch_size if stream else max(options.batch_size, _EVALUATED)
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        x = data.x[chosen]
        x = options.augmentation(x, random) if stream else x
        inputs = twin.encode(x, chosen, stream)
        yield inputs, torch.as_tensor(data.y[chosen], device=twin.device)
