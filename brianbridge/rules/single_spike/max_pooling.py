"""Max pooling of neurons that fire once: the earliest spike of each window."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import max_pool2d

from brianbridge.network import OneToOne, Pooling, Projection

__all__ = ["earliest_of_windows", "fires_with_first_input"]


def fires_with_first_input(projection: Projection, theta: Tensor) -> bool:
    """Return whether each neuron fires with the first spike of its window, as in `MaxPool2d`."""
    plain = isinstance(projection.connection, OneToOne) and bool((projection.weight > 0).all())
    return plain and projection.bias is None and bool((theta == 0).all())


def earliest_of_windows(pool: Pooling, times: Tensor) -> Tensor:
    """Return the earliest time in each window of spike times ``(batch, [channels,] h, w)``."""
    images = times if times.ndim == 4 else times.unsqueeze(1)
    return -max_pool2d(-images, pool.size, pool.stride, pool.padding)
