"""Let spikes arrive a part of a step later: by how much an outcome changes with a delay.

Between two steps a part of each spike arrives in one of them and the rest in the next, as for
delays that training learns (`brianbridge.twin.delays`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Arriving", "lagging", "lagging_arrivals"]

#: Returns what arrives in step k from the spikes of all steps so far; None if nothing can.
Arriving = Callable[[int, Sequence[Tensor]], Tensor | None]


def lagging(found: Tensor, before: Tensor, lag: Tensor) -> Tensor:
    """Return the input of a step if all of it arrives a part of a step later.

    Parameters
    ----------
    found, before : Tensor, shape ([T,] batch, *target)
        What arrives in this step and in the one before.
    lag : Tensor, shape (batch, 1, ...)
        The part of a step, from 0 to 1.

    Examples
    --------
    >>> lagging(torch.tensor([[1.0]]), torch.tensor([[3.0]]), torch.tensor([[0.25]]))
    tensor([[1.5000]])
    """
    return found + lag * (before - found)


def lagging_arrivals(arriving: Arriving, lag: Tensor) -> Arriving:
    """Return `arriving` with a lag; it must be asked for one step after the other."""
    before: Tensor | None = None

    def later(k: int, emitted: Sequence[Tensor]) -> Tensor | None:
        nonlocal before
        found, last = arriving(k, emitted), before
        before = found
        if found is None:
            return None
        return lagging(found, torch.zeros_like(found) if last is None else last, lag)

    return later
