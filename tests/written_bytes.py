"""Count the bytes that torch writes during some work: memory and time grow at least as fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class _Written(TorchDispatchMode):
    """Add up the sizes of all results that are new or changed in place; views cost nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        each = results if isinstance(results, tuple | list) else (results,)
        kinds = [returned.alias_info for returned in func._schema.returns]
        for position, result in enumerate(each):
            alias = kinds[min(position, len(kinds) - 1)]
            if isinstance(result, torch.Tensor) and (alias is None or alias.is_write):
                self.bytes += result.numel() * result.element_size()
        return results


def written_bytes(work: Callable[[], Any]) -> int:
    """Return how many bytes torch writes during some work, also in backward passes."""
    with _Written() as written:
        work()
    return written.bytes


def growth(bytes_at: Callable[[int], int], steps: int) -> float:
    """Return by what the bytes of each further step grow from T to 4 T: 1 if all cost the same.

    It is the cost of a step between 2 T and 4 T, divided by that between T and 2 T, so that what a
    presentation costs once does not hide the growth. It is 2 for a cost of T squared.
    """
    one, two, four = (bytes_at(factor * steps) for factor in (1, 2, 4))
    assert two > one > 0, "the work does not depend on its length at all"
    return (four - two) / 2 / (two - one)
