"""The moving average of a twin's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["moving_average"]


def moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """Return the update of an exponential moving average, for ``AveragedModel(multi_avg_fn=...)``.

    The decay of step n is at most ``(1 + n)/(10 + n)``. With `decay` from the start, the average
    would keep the initial weights for ``1/(1 - decay)`` steps.

    Parameters
    ----------
    decay : float
        Decay per step, after the first steps.
    """

    @torch.no_grad()
    def move(averages: Any, values: Any, number: Any) -> None:
        if not averages[0].is_floating_point():
            return  # such as numbers of neurons, which do not change
        weight = 1 - min(decay, (1 + float(number)) / (10 + float(number)))
        torch._foreach_lerp_(averages, values, weight)

    return move
