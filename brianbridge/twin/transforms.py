"""Custom derivatives under the transformations of `torch.func` (``grad``, ``vmap``, ...).

torch asks such functions for ``setup_context``, and then takes twice as long for a call, a tenth of
a whole step of small populations. So each has two classes with the same formulae, and `either`
chooses.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["either", "is_transformed", "transforms_are_active"]

T = TypeVar("T")


def is_transformed(x: Tensor) -> bool:
    """Return whether a transformation of `torch.func` follows a tensor."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(x))


def transforms_are_active() -> bool:
    """Return whether this code runs within a transformation of `torch.func`."""
    return bool(torch._C._are_functorch_transforms_active())


def either(plain: T, transformed: T) -> T:
    """Return `transformed` within a transformation of `torch.func`, else `plain`."""
    return transformed if transforms_are_active() else plain
