"""Keep the lists of spikes for the backward pass, and not the matrix that they were found in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from brianbridge.twin.products.spike_lists import SpikeLists, matrix_of

__all__ = ["KeptSpikes"]


class KeptSpikes:
    """Hooks of torch for what a product of spikes and weights saves, the lists first.

    An eighth of all neurons that fire, in lists, takes a sixteenth of the memory of their matrix.

    Parameters
    ----------
    spikes : Tensor, shape (rows, sources)
        The matrix.
    """

    def __init__(self, spikes: Tensor) -> None:
        self._place, self._shape, self._dtype = spikes.data_ptr(), spikes.shape, spikes.dtype
        self._lists: list[Tensor] = []

    def keep(self, tensor: Tensor) -> Any:
        """Return the tensor itself, or None for spikes that are listed."""
        if len(self._lists) < 3:
            self._lists.append(tensor)
            return tensor
        is_spikes = tensor.data_ptr() == self._place and tensor.shape == self._shape
        return None if is_spikes and self._lists[0].numel() else tensor

    def again(self, kept: Any) -> Tensor:
        """Return a tensor of which `kept` was kept.

        Spikes that nobody differentiates are known by their shape alone.
        """
        if isinstance(kept, Tensor):
            return kept
        if not torch.is_grad_enabled():
            return torch.zeros((), dtype=self._dtype).expand(self._shape)
        start, place, value = (one.numpy() for one in self._lists)
        rows, sources = self._shape
        matrix = matrix_of(SpikeLists(start, place, value, (rows, sources)))
        return torch.from_numpy(matrix).to(self._dtype)
