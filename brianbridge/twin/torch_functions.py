"""Brian2's functions for torch tensors.

Every function also takes plain numbers, for terms that are equal for all neurons; these are
computed by NumPy, as in Brian2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.twin.constants import constant_tensor

__all__ = ["TORCH_FUNCTIONS", "register_torch_function"]

TORCH_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def register_torch_function(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the torch implementation of a function in equations.

    Parameters
    ----------
    name : str
        The function's name in equations.

    Examples
    --------
    >>> @register_torch_function("softplus")
    ... def softplus(x):
    ...     return torch.nn.functional.softplus(x)
    >>> "softplus" in TORCH_FUNCTIONS
    True
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        TORCH_FUNCTIONS[name] = function
        return function

    return register


def for_numbers_too(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors that also takes plain numbers, in double precision.

    Examples
    --------
    >>> for_numbers_too(lambda x: x.exp())(0.0)
    1.0
    """

    def called(*arguments: Any) -> Any:
        tensors = [x for x in arguments if isinstance(x, Tensor)]
        numbers = [x for x in tensors if x.is_floating_point()]
        like = numbers[0] if numbers else torch.zeros((), dtype=torch.float64)
        result = function(
            *(
                x if isinstance(x, Tensor) else constant_tensor(np.asarray(x), like)
                for x in arguments
            )
        )
        return result if tensors else float(result)

    return called


def _both(of_tensor: Callable[..., Any], of_number: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any) -> Any:
        return of_tensor(x) if isinstance(x, Tensor) else float(of_number(x))

    return function


for _brian2, _torch, _numpy in (
    ("exp", torch.exp, np.exp), ("log", torch.log, np.log), ("log10", torch.log10, np.log10),
    ("expm1", torch.expm1, np.expm1), ("log1p", torch.log1p, np.log1p),
    ("sqrt", torch.sqrt, np.sqrt), ("abs", torch.abs, np.abs), ("sign", torch.sign, np.sign),
    ("sin", torch.sin, np.sin), ("cos", torch.cos, np.cos), ("tan", torch.tan, np.tan),
    ("sinh", torch.sinh, np.sinh), ("cosh", torch.cosh, np.cosh), ("tanh", torch.tanh, np.tanh),
    ("arcsin", torch.arcsin, np.arcsin), ("arccos", torch.arccos, np.arccos),
    ("arctan", torch.arctan, np.arctan),
    ("floor", torch.floor, np.floor), ("ceil", torch.ceil, np.ceil),
):  # fmt: skip
    TORCH_FUNCTIONS[_brian2] = _both(_torch, _numpy)


@register_torch_function("exprel")
def _exprel(x: Any) -> Any:
    if not isinstance(x, Tensor):
        return float(np.expm1(x) / x) if x != 0 else 1.0
    return _Exprel.apply(x)


class _Exprel(torch.autograd.Function):
    """Differentiate ``exprel`` without the cancellation of its formula near 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        small = x.abs() < 1e-16
        safe = torch.where(small, torch.ones_like(x), x)
        return torch.where(small, torch.ones_like(x), torch.expm1(safe) / safe)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * _slope_of_exprel(*ctx.saved_tensors)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return tangent * _slope_of_exprel(*ctx.saved_tensors)


def _slope_of_exprel(x: Tensor) -> Tensor:
    near = x.abs() < 0.02
    z, far = torch.where(near, x, 0), torch.where(near, 1, x)
    # The series of exprel is the sum of x**k/(k + 1)!.
    series = 1 / 2 + z * (1 / 3 + z * (1 / 8 + z * (1 / 30 + z * (1 / 144 + z / 840))))
    return torch.where(near, series, (torch.exp(far) - torch.expm1(far) / far) / far)


@register_torch_function("clip")
def _clip(x: Any, low: Any, high: Any) -> Any:
    # One bound at a time: one may be a number while the other differs between neurons.
    return _smaller(_larger(x, low), high)


def _larger(x: Any, low: Any) -> Any:
    if isinstance(x, Tensor):
        return x.clamp(min=low)
    return torch.clamp(low, min=x) if isinstance(low, Tensor) else max(x, low)


def _smaller(x: Any, high: Any) -> Any:
    if isinstance(x, Tensor):
        return x.clamp(max=high)
    return torch.clamp(high, max=x) if isinstance(high, Tensor) else min(x, high)


@register_torch_function("timestep")
def _timestep(t: Any, dt: float) -> Any:
    # Brian2's rounding: a time just below the next step counts as that step.
    if isinstance(t, Tensor):
        return torch.trunc((t + 1e-3 * dt) / dt)
    return float(int((t + 1e-3 * dt) / dt))


def as_number(x: Any, dtype: torch.dtype) -> Any:
    """Return ``int(x)`` of Brian2's equations: a condition as 0 and 1, a number truncated."""
    if not isinstance(x, Tensor):
        return float(int(x))
    return x.to(dtype) if x.dtype == torch.bool else torch.trunc(x)


def negation(x: Any) -> Any:
    """Return ``not x``."""
    return torch.logical_not(x) if isinstance(x, Tensor) else not x
