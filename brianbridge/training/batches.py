"""Encoded batches of training and evaluation samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from brianbridge.datasets import Dataset
from brianbridge.training.options import TrainingOptions
from brianbridge.training.processes import ONE, Processes
from brianbridge.twin.network import NetworkTwin

__all__ = ["Batch", "batches"]

#: Separates the random numbers of the augmentation from those of the order of samples.
_AUGMENTATION = 0xA06
#: Smallest batch in evaluation, which needs less memory than training.
_EVALUATED = 500


@dataclass(frozen=True, eq=False)
class Batch:
    """Hold an encoded batch, or this process's part of it.

    Parameters
    ----------
    twin : NetworkTwin
        The twin that encoded it, and computes it.
    inputs : tuple of (Tensor or None, Tensor or None)
        Current and raster.
    labels : Tensor of int64, shape (batch,)
        The labels.
    rung : str
        The rung that the twin is of; empty if there is none.
    """

    twin: NetworkTwin
    inputs: tuple[Tensor | None, Tensor | None]
    labels: Tensor
    rung: str = ""


def batches(
    twin: NetworkTwin,
    data: Dataset,
    order: np.ndarray,
    options: TrainingOptions,
    seed: int,
    stream: int,
    processes: Processes = ONE,
    twins: Iterator[tuple[str, NetworkTwin]] | None = None,
) -> Iterator[Batch]:
    """Encode samples and yield them, batch by batch.

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
    processes : Processes
        The processes that share the batches. Each reads and encodes its part of every batch, and
        the twin knows which it is (`NetworkTwin.part`) until the next one.
    twins : iterator of (str, NetworkTwin), optional
        Rung and twin of each batch, if they are not always the same.
    """
    random = np.random.default_rng((seed, stream, _AUGMENTATION))
    size = options.batch_size if stream else max(options.batch_size, _EVALUATED)
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        part = processes.part(len(chosen))
        own = chosen if part is None else chosen[part.rows]
        x = data.x[own]
        x = options.augmentation(x, random, part) if stream else x
        rung, runs = ("", twin) if twins is None else next(twins)
        with twin.computing(part), nullcontext() if runs is twin else runs.computing(part):
            inputs = runs.encode(x, own, stream)
            labels = torch.as_tensor(data.y[own]).to(twin.device, non_blocking=True)
            yield Batch(runs, inputs, labels, rung)
