"""Constants of a network as tensors, without waiting for the device in each step of training.

A copy to a GPU makes the processor wait until the GPU has done all that it was asked before.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

__all__ = ["constant_tensor"]


def constant_tensor(values: np.ndarray, like: Tensor) -> Tensor:
    """Return numbers as a tensor of the type and on the device of another one.

    On a GPU the tensor of several numbers is kept, and must not be changed.

    Parameters
    ----------
    values : numpy.ndarray
        The numbers.
    like : Tensor
        A tensor.

    Examples
    --------
    >>> constant_tensor(np.array([1, 2]), torch.zeros(()))
    tensor([1., 2.])
    """
    values = np.asarray(values)
    if like.device.type == "cpu":
        return torch.as_tensor(values, dtype=like.dtype)
    if not values.ndim:
        return like.new_full((), float(values))
    data = np.ascontiguousarray(values, np.float64)
    return _kept(data.tobytes(), data.shape, like.dtype, like.device)


@lru_cache(maxsize=64)
def _kept(data: bytes, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    values = np.frombuffer(data, np.float64).reshape(shape).copy()
    with torch.inference_mode(False):  # the next who asks may need a gradient
        return torch.as_tensor(values).to(device=device, dtype=dtype)
