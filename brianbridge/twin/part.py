"""The part of a batch that one of several processes computes.

Training by several processes gives each of them some rows of every batch. A process computes the
mean loss of its own rows and differentiates that, as if they were the whole batch. A rule may thus
do with a gradient what it likes, sample by sample. The gradient of the whole batch is the mean of
these gradients, weighted by numbers of samples (`brianbridge.training.processes`).

What mixes the samples of a batch (statistics of a normalisation, a mean spike rate) is summed over
the processes by `Part.sum`, whose backward pass keeps the rule above. What is drawn for a batch is
drawn for all of its rows in every process, and each takes its own: so random numbers belong to
rows, not to processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from brianbridge.errors import ProcessEnded

__all__ = ["Part", "add_over_processes", "noticing_the_end"]


@contextmanager
def noticing_the_end() -> Iterator[None]:
    """Turn the error of a collective operation whose other processes are gone into a plain one."""
    try:
        yield
    except RuntimeError as error:
        # Such as "[/a/file.cc:537] Connection closed by peer. This is typically caused by ..."
        reason = re.sub(r"^\[[^]]*\] ", "", str(error).splitlines()[0]).split(". ")[0]
        raise ProcessEnded(
            "training: another process ended, or did not answer in time; start all of them again: "
            f"training goes on from its checkpoint, if it has one ({reason:.100})"
        ) from error


def add_over_processes(values: Tensor) -> None:
    """Replace a tensor by the sum of those of all processes, which all get the same bits.

    Raises
    ------
    ProcessEnded
        If a process ended or did not answer in time.
    """
    with noticing_the_end():
        dist.all_reduce(values)


class _Sum(torch.autograd.Function):
    """Sum over processes; backward, gradients are summed by weight, and given back by weight."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        summed = (values if weight else torch.zeros_like(values)).clone().contiguous()
        add_over_processes(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # The loss of a process is that of its part, and counts by its weight.
        weight, (gradient,) = ctx.weight, gradients
        found = (weight * gradient if weight else torch.zeros_like(gradient)).contiguous()
        add_over_processes(found)
        return (found / weight if weight else torch.zeros_like(found)), None


@dataclass(frozen=True)
class Part:
    """Hold which rows of a batch this process computes.

    A batch that has fewer rows than there are processes leaves some of them without. These compute
    row 0, as a stand-in that counts as nothing: all processes must take part in sums.

    Parameters
    ----------
    rank : int
        Number of this process, counted from 0.
    processes : int
        How many processes there are.
    batch : int
        Number of rows of the whole batch, at least 1.

    Examples
    --------
    >>> [Part(rank, 3, 7).rows for rank in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    >>> Part(0, 2, 1).rows, Part(0, 2, 1).counted
    (slice(0, 1, None), 0)
    """

    rank: int
    processes: int
    batch: int

    @property
    def rows(self) -> slice:
        """The rows that this process computes, at least one."""
        low, high = self._bounds(self.rank)
        return slice(low, high) if low < high else slice(0, 1)

    @property
    def numbers(self) -> np.ndarray:
        """Numbers of these rows in the batch, int64."""
        return np.arange(self.batch)[self.rows]

    @property
    def counted(self) -> int:
        """How many of these rows count: all of them, or none."""
        return self._counted(self.rank)

    @property
    def weight(self) -> float:
        """The share of the batch that this process has."""
        return self.counted / self.batch

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of the values of all processes, with a gradient.

        Parameters
        ----------
        values : Tensor
            Values of this part, of the same shape in all processes. Those of a stand-in do not
            count.
        """
        found: Tensor = _Sum.apply(values, self.weight)
        return found

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the whole batch, from the mean over this part."""
        return self.sum(self.weight * values)

    def moments(self, variance: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return variance and mean over the whole batch, from those over this part.

        Parameters
        ----------
        variance, mean : Tensor, shape (channels,)
            Statistics of as many values for each row.
        """
        own = torch.stack([variance, mean])[None]
        before, after = self.rank, self.processes - self.rank - 1
        # One sum in place of one for the mean and another for the squares around it.
        placed = [own.new_zeros(before, *own.shape[1:]), own, own.new_zeros(after, *own.shape[1:])]
        variances, means = self.sum(torch.cat(placed)).unbind(1)
        counted = [[self._counted(rank)] for rank in range(self.processes)]
        weights = own.new_tensor(counted) / self.batch
        whole = (weights * means).sum(0)
        return (weights * (variances + (means - whole).square())).sum(0), whole

    def _bounds(self, rank: int) -> tuple[int, int]:
        return rank * self.batch // self.processes, (rank + 1) * self.batch // self.processes

    def _counted(self, rank: int) -> int:
        low, high = self._bounds(rank)
        return high - low
