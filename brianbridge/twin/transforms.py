"""Custom derivatives under the transformations of `torch.func` (``grad``, ``vmap``, ...).

torch asks such functions for ``setup_context``, and then takes twice as long for a call, a tenth of
a whole step of small populations. So each has two classes with the same formulae, and `either`
chooses.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["either", "is_transformed", "runs_compiled", "transforms_are_active"]

T = TypeVar("T")


def is_transformed(x: Tensor) -> bool:
    """Return whether a transformation of `torch.func` follows a tensor."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(x))


def transforms_are_active() -> bool:
    """Return whether this code runs within a transformation of `torch.func`."""
    return bool(torch._C._are_functorch_transforms_active())


def runs_compiled(like: Tensor) -> bool:
    """Return whether compiled loops may compute with such a tensor in the place of torch.

    Other devices and types have no loops, and torch's own compiler, the transformations of
    `torch.func` and derivatives forward must see torch's operations.
    """
    return (
        like.device.type == "cpu"
        and like.dtype in (torch.float32, torch.float64)
        and not transforms_are_active()
        and not torch.compiler.is_compiling()
        and torch.autograd.forward_ad._current_level < 0
    )


def either(plain: T, transformed: T) -> T:
    """Return `transformed` within a transformation of `torch.func`, else `plain`."""
    return transformed if transforms_are_active() else plain
