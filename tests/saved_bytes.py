"""Count the bytes that torch's graph keeps for the backward pass, at their peak."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class _Kept:
    """A tensor that the graph keeps; it dies with its node."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def peak_of_saved_bytes(work: Callable[[], Any], beside: Iterable[Tensor] = ()) -> int:
    """Return the most bytes that the graph keeps at a time during some work.

    Memory that several tensors share counts once.

    Parameters
    ----------
    work : callable
        Forward and backward passes, also of functions that build a graph in the backward pass.
    beside : iterable of Tensor
        Tensors that do not count, such as weights and input.
    """
    own = {tensor.untyped_storage().data_ptr() for tensor in beside}
    users: Counter[int] = Counter()
    live = most = 0

    def leave(place: int, size: int) -> None:
        nonlocal live
        users[place] -= 1
        live -= size if not users[place] else 0

    def keep(tensor: Tensor) -> _Kept:
        nonlocal live, most
        kept, storage = _Kept(tensor.detach() if not tensor.is_leaf else tensor), None
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in own:
            live += size if not users[place] else 0
            users[place] += 1
            most = max(most, live)
            weakref.finalize(kept, leave, place, size)
        return kept

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor):
        work()
    return most
