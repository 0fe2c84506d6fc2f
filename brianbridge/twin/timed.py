"""Timed arrays in the torch step: Brian2's own function of time, for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
        Takes a time in seconds and, if the array has columns, a tensor of their numbers.

    Examples
    --------
    >>> from brian2 import NeuronGroup, TimedArray, ms
    >>> group = NeuronGroup(2, "v : 1", dt=1*ms)
    >>> function = timed_function(TimedArray([[1, 2], [3, 4]], dt=5*ms), group, torch.float64)
    >>> function(7e-3, torch.tensor([1.0, 0.0]))
    tensor([4., 3.], dtype=torch.float64)
    """
    value_at = timed.implementations["numpy"].get_code(group)

    def function(t: float, column: Any = None) -> Any:
        if column is None:
            return float(value_at(t))
        row = torch.as_tensor(value_at(t, slice(None)), dtype=dtype)
        if not isinstance(column, Tensor):
            return row[int(column)]
        return row.to(column.device)[column.long()]

    return function
