"""Timed arrays in the torch step: Brian2's own function of time, for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["timed_function"]


def timed_function(timed: Any, group: Any, dtype: torch.dtype) -> Callable[..., Any]:
    """Return the function that the torch step calls for a `TimedArray`.

    Parameters
    ----------
    timed : brian2.TimedArray
        The array.
    group : brian2.NeuronGroup
        The group that calls it: Brian2 rounds times by the group's step.
    dtype : torch.dtype
        Floating point type of the result.

    Returns
    -------
    callable
        Takes a time in seconds, or a tensor of times, and, if the array has columns, a tensor of
        their numbers.

    Examples
    --------
    >>> from brian2 import NeuronGroup, TimedArray, ms
    >>> group = NeuronGroup(2, "v : 1", dt=1*ms)
    >>> function = timed_function(TimedArray([[1, 2], [3, 4]], dt=5*ms), group, torch.float64)
    >>> function(7e-3, torch.tensor([1.0, 0.0]))
    tensor([4., 3.], dtype=torch.float64)
    """
    value_at = timed.implementations["numpy"].get_code(group)

    def at_each(t: Tensor, column: Any) -> Tensor:
        # Each neuron has a time of its own, as in stimulus(t - lag). The gradient is 0.
        number = () if column is None else (torch.as_tensor(column).cpu().numpy().astype(int),)
        found = value_at(t.detach().cpu().numpy().astype(np.float64), *number)
        return torch.as_tensor(found, dtype=dtype, device=t.device)

    def function(t: Any, column: Any = None) -> Any:
        if isinstance(t, Tensor):
            return at_each(t, column)
        if column is None:
            return float(value_at(t))
        row = torch.as_tensor(value_at(t, slice(None)), dtype=dtype)
        if not isinstance(column, Tensor):
            return row[int(column)]
        return row.to(column.device)[column.long()]

    return function
