"""Spike functions: an exact step forward, a named surrogate derivative backward.

A spike is a step function of the state, whose derivative is 0 almost everywhere. Training replaces
only this derivative, by ``scale*kernel((v - theta)/width)`` around the threshold. The forward value
stays the exact step, so that the twin's spikes equal Brian2's.

Every kernel is 1 at the threshold. Therefore `scale` is the largest slope, and `width` is the
distance over which it decreases, in natural units of the potential (`brianbridge.neurons.scale`).
The names in the literature:

==================  ===============================  ==============================================
arctan              ``1/(1 + (pi z)**2)``            Fang et al. 2021, with alpha = 2/width
fast_sigmoid        ``1/(1 + abs(z))**2``            Zenke & Ganguli 2018, with slope = 1/width
rectangle           ``abs(z) < 1/2``                 Wu et al. 2018 (STBP), with a = width
triangle            ``max(0, 1 - abs(z))``           Bellec et al. 2018, with gamma = scale
gaussian            ``exp(-z**2/2)``                 Yin et al. 2021, with sigma = width
sigmoid             ``4 s(z) (1 - s(z))``            Wu et al. 2018 (STBP), with a = width
straight_through    ``1``                            Bengio et al. 2013
==================  ===============================  ==============================================

with ``s`` the logistic function. The formulae were written from memory, not copied from the
papers; the table says exactly what is computed.

A graded spike is a staircase with a step at every whole number k from ``low + 1`` to ``high``.
`SpikeFunction.levels` selects its derivative: the sum of the kernels at all steps (``"all"``); the
kernel at the nearest step alone (``"nearest"``); or ``scale`` for ``low <= x <= high``, whatever
the kernel (``"range"``, the straight-through estimator of a quantiser).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

import torch
from pydantic import FiniteFloat, PositiveFloat
from torch import Tensor

from brianbridge.errors import InputError, did_you_mean
from brianbridge.registry import Registry
from brianbridge.schema import NameIn
from brianbridge.twin.transforms import either

__all__ = ["SpikeFunction", "register_spike_function", "spike_function_names"]

#: The step, in seconds, from which on a spike has the slope 1 at its threshold; see `of_step`.
_STEP_OF_SLOPE_1 = 1e-3

Kernel = Callable[[Tensor], Tensor]
Levels = Literal["all", "nearest", "range"]

SPIKE_FUNCTIONS: Registry[Kernel] = Registry("spike function", "brianbridge.spike_functions")


def register_spike_function(name: str) -> Callable[[Kernel], Kernel]:
    """Register a surrogate derivative under `name`.

    The decorated function takes ``z = (v - theta)/width`` and returns the derivative at ``z``,
    which should be 1 for ``z = 0``.

    Parameters
    ----------
    name : str
        Its name, for `SpikeFunction` and study files.

    Examples
    --------
    >>> @register_spike_function("cosine")
    ... def cosine(z):
    ...     return torch.cos(z.clamp(-1.5, 1.5))
    >>> SpikeFunction("cosine").name
    'cosine'
    """

    def register(kernel: Kernel) -> Kernel:
        return SPIKE_FUNCTIONS.add(name, kernel)

    return register


def spike_function_names() -> tuple[str, ...]:
    """Return the names of the registered spike functions."""
    return SPIKE_FUNCTIONS.names()


@register_spike_function("arctan")
def _arctan(z: Tensor) -> Tensor:
    return 1 / (1 + (torch.pi * z) ** 2)


@register_spike_function("fast_sigmoid")
def _fast_sigmoid(z: Tensor) -> Tensor:
    return 1 / (1 + z.abs()) ** 2


@register_spike_function("rectangle")
def _rectangle(z: Tensor) -> Tensor:
    return (z.abs() < 0.5).to(z.dtype)


@register_spike_function("triangle")
def _triangle(z: Tensor) -> Tensor:
    return (1 - z.abs()).clamp(min=0)


@register_spike_function("gaussian")
def _gaussian(z: Tensor) -> Tensor:
    return torch.exp(-(z**2) / 2)


@register_spike_function("sigmoid")
def _sigmoid(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return 4 * s * (1 - s)


@register_spike_function("straight_through")
def _straight_through(z: Tensor) -> Tensor:
    return torch.ones_like(z)


class _Step(torch.autograd.Function):
    """The Heaviside step, with a surrogate derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strict: bool, slope: Kernel) -> Tensor:
        ctx.save_for_backward(x)
        ctx.slope = slope
        return (x > 0 if strict else x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradients[0] * ctx.slope(x), None, None


class _TransformedStep(_Step):
    """`_Step` under `torch.func`; see `brianbridge.twin.transforms`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, strict: bool, slope: Kernel) -> Tensor:  # type: ignore[override]
        return (x > 0 if strict else x >= 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, _, ctx.slope = inputs
        ctx.save_for_backward(x)


class _Staircase(torch.autograd.Function):
    """``clip(floor(x), low, high)``, with the sum of the surrogate derivatives at its steps."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: Any, high: Any, function: SpikeFunction) -> Tensor:
        ctx.save_for_backward(x)
        ctx.low, ctx.high, ctx.function = low, high, function
        return torch.floor(x).clamp_(min=low).clamp_(max=high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        function, low, high = ctx.function, ctx.low, ctx.high
        if function.levels == "range":  # faster than a product
            outside = (x < low) | (x > high)
            return (function.scale * gradients[0]).masked_fill_(outside, 0), None, None, None
        return gradients[0] * function.slopes(x, low, high), None, None, None


class _TransformedStaircase(_Staircase):
    """`_Staircase` under `torch.func`; see `brianbridge.twin.transforms`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, low: Any, high: Any, function: Any) -> Tensor:  # type: ignore[override]
        return torch.floor(x).clamp(min=low).clamp(max=high)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, ctx.low, ctx.high, ctx.function = inputs
        ctx.save_for_backward(x)


@dataclass(frozen=True)
class SpikeFunction:
    """Compute spikes exactly, and their gradient by a surrogate derivative.

    Parameters
    ----------
    name : str
        A registered surrogate derivative; see the table in `brianbridge.twin.spike_function`.
    width : float
        Scale of the kernel, in natural units: for a dimensionless potential in its own unit, else
        in units of the distance from rest to threshold.
    scale : float
        Derivative at the threshold.
    levels : {"all", "nearest", "range"}
        How the derivatives at the steps of a graded spike are combined.
    detach_reset : bool
        Whether the reset detaches the spike, so that no gradient passes through it.

    Raises
    ------
    InputError
        If there is no such spike function, `width` is not above 0 or not finite, `scale` is not
        finite, or `levels` is unknown.

    Examples
    --------
    >>> v = torch.tensor([0.5, 1.0, 1.5], requires_grad=True)
    >>> spikes = SpikeFunction("triangle").step(v - 1.0)
    >>> spikes.detach()
    tensor([0., 1., 1.])
    >>> spikes.sum().backward(); v.grad
    tensor([0.5000, 1.0000, 0.5000])
    """

    name: Annotated[str, NameIn(SPIKE_FUNCTIONS)] = "arctan"
    width: PositiveFloat = 1.0
    scale: FiniteFloat = 1.0
    levels: Levels = "all"
    detach_reset: bool = False
    _kernel: Kernel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kernel = SPIKE_FUNCTIONS[self.name]
        if not 0 < self.width < torch.inf:
            raise InputError(
                f"spike function '{self.name}': width = {self.width}; give a finite number above 0"
            )
        if not math.isfinite(self.scale):
            raise InputError(
                f"spike function '{self.name}': scale = {self.scale}; give a finite number"
            )
        if self.levels not in get_args(Levels):
            hint = did_you_mean(self.levels, get_args(Levels))
            raise InputError(f"spike function '{self.name}': levels = '{self.levels}'. {hint}")
        object.__setattr__(self, "_kernel", kernel)

    def __reduce__(self) -> tuple[Any, ...]:
        # By name: a kernel may be a function that cannot be pickled.
        return type(self), (self.name, self.width, self.scale, self.levels, self.detach_reset)

    @classmethod
    def of_step(cls, dt: float) -> SpikeFunction:
        """Return the spike function for the sensitivity of spike counts at a step, in seconds.

        Its slope falls with the step, to 0.1 at 0.1 ms: a potential is near the threshold for the
        more steps, the finer these are. With a slope of 1, the gradients of neurons that excite
        each other explode within 100 ms.

        Examples
        --------
        >>> SpikeFunction.of_step(1e-4).scale, SpikeFunction.of_step(2e-3).scale
        (0.1, 1.0)
        """
        return cls(scale=min(1.0, dt / _STEP_OF_SLOPE_1))

    def slope(self, x: Tensor) -> Tensor:
        """Return the surrogate derivative at a distance `x` from the threshold."""
        return self.scale * self._kernel(x / self.width)

    def step(self, x: Tensor | float, strict: bool = False, unit: float = 1.0) -> Tensor:
        """Return 1 where ``x >= 0`` (``x > 0`` if `strict`), 0 elsewhere; same shape and dtype.

        Parameters
        ----------
        x : Tensor or float
            Distance from the threshold; a number if it depends on the time alone.
        strict : bool
            Whether `x` must be above 0.
        unit : float
            One natural unit of `x`, in which the surrogate derivative is defined.
        """
        slope = self.slope if unit == 1 else lambda x: self.slope(x / unit) / unit
        values = x if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64)
        return either(_Step, _TransformedStep).apply(values, strict, slope)

    def staircase(self, x: Tensor, low: Any = -torch.inf, high: Any = torch.inf) -> Tensor:
        """Return ``clip(floor(x), low, high)``: a step, with its bump, at every whole number."""
        return either(_Staircase, _TransformedStaircase).apply(x, low, high, self)

    def slopes(self, x: Tensor, low: Any, high: Any) -> Tensor:
        """Return the surrogate derivative of `staircase`."""
        if self.levels == "range":
            return self.scale * ((x >= low) & (x <= high)).to(x.dtype)
        first, last = float(torch.as_tensor(low).min()) + 1, float(torch.as_tensor(high).max())
        if self.levels == "nearest" or not math.isfinite(last - first):
            # Without bounds there are infinitely many steps; only the nearest one counts.
            nearest = torch.round(x).clamp(min=low + 1).clamp(max=high)
            return self.slope(x - nearest)
        steps = range(math.ceil(first), math.floor(last) + 1)
        # The bounds may differ between neurons.
        total = torch.zeros_like(x)
        for k in steps:
            total += self.slope(x - k) * ((low < k) & (k <= high))
        return total
