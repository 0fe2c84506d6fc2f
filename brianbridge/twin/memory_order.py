"""The order in which memory holds the neurons of a batch, so that compiled loops need no copy.

Images lie in memory channel by channel, or pixel by pixel (torch's ``channels_last``). A loop that
treats all neurons alike can take either, as long as all of its arrays have the same order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

__all__ = ["MemoryOrder"]


@dataclass(frozen=True)
class MemoryOrder:
    """Hold the shape of a batch and the order in which memory holds its axes.

    Parameters
    ----------
    shape : tuple of int
        ``(batch, *shape)``.
    axes : tuple of int
        The axes, from that with the largest stride to that with the smallest.

    Examples
    --------
    >>> import torch
    >>> order = MemoryOrder.of(torch.zeros(4, 2, 5, 6, 3).permute(0, 1, 4, 2, 3), (2, 3, 5, 6))
    >>> order.axes
    (0, 2, 3, 1)
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]

    @classmethod
    def of(cls, values: Tensor | None, shape: tuple[int, ...]) -> MemoryOrder:
        """Return the order of values ``(T, *shape)`` if they have no gaps; else the usual one.

        Parameters
        ----------
        values : Tensor, shape (T, batch, *shape), optional
            The values.
        shape : tuple of int
            ``(batch, *shape)``.
        """
        usual = tuple(range(len(shape)))
        if values is None or values.is_contiguous():
            return cls(shape, usual)
        axes = sorted(usual, key=lambda axis: -values.stride(axis + 1))
        dense = values.permute(0, *(axis + 1 for axis in axes)).is_contiguous()
        return cls(shape, tuple(axes) if dense else usual)

    @property
    def neurons(self) -> int:
        """Number of neurons in the whole batch."""
        return math.prod(self.shape)

    def flat(self, values: Tensor, lead: int = 0) -> np.ndarray:
        """Return values in the order of memory, on one axis.

        Parameters
        ----------
        values : Tensor, shape (..., batch, *shape)
            The values.
        lead : int
            Number of axes before those of the batch.
        """
        axes = (*range(lead), *(lead + axis for axis in self.axes))
        found: np.ndarray = values.permute(axes).contiguous().view(-1).numpy()
        return found

    def shaped(self, values: Tensor, lead: tuple[int, ...] = ()) -> Tensor:
        """Return values in the order of memory in the shape ``(*lead, *shape)``; not a copy."""
        axes = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        in_memory = values.view(*lead, *(self.shape[axis] for axis in self.axes))
        return in_memory.permute(*range(len(lead)), *(len(lead) + axis for axis in axes))
