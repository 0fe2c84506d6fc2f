"""First crossings from the input in every step; for any projection on any device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from brianbridge.rules.single_spike.first_crossing import FirstCrossing, TimeGradient
from brianbridge.twin.scan import first_steps

__all__ = ["crossing_by_steps", "raster_from_times"]


class _RasterFromTimes(torch.autograd.Function):
    """One-hot encode times; an input that comes one step later is missing from its step."""

    @staticmethod
    def forward(ctx: Any, times: Tensor, T: int) -> Tensor:
        steps = torch.arange(T, dtype=times.dtype, device=times.device)
        raster = (times == steps.reshape(-1, *(1,) * times.ndim)).to(times.dtype)
        ctx.save_for_backward(raster)
        return raster

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (raster,) = ctx.saved_tensors
        return -(gradients[0] * raster).sum(0), None


class _CrossingBySteps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, theta: Tensor, time_gradient: TimeGradient
    ) -> tuple[Tensor, Tensor]:
        potential = x.cumsum(0)
        times = first_steps((potential > theta).to(x.dtype))
        at = times.clamp(max=len(x) - 1).long().unsqueeze(0)
        found, rise = potential.gather(0, at)[0], x.gather(0, at)[0]
        ctx.save_for_backward(times, found, rise, theta)
        ctx.time_gradient, ctx.steps = time_gradient, len(x)
        ctx.mark_non_differentiable(found)
        return times, found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        times, potential, rise, theta = ctx.saved_tensors
        delta = ctx.time_gradient.of_potential(
            gradients[0], times, potential, rise, theta, ctx.steps
        )
        steps = torch.arange(ctx.steps, dtype=times.dtype, device=times.device)
        until = steps.reshape(-1, *(1,) * times.ndim) <= times
        return delta * until, None, None


def raster_from_times(times: Tensor, steps: int) -> Tensor:
    """Return the raster ``(T, batch, *shape)`` of first spikes, with a gradient to their times."""
    found: Tensor = _RasterFromTimes.apply(times, steps)
    return found


def crossing_by_steps(x: Tensor, theta: Tensor, time_gradient: TimeGradient) -> FirstCrossing:
    """Return the first crossings of neurons from their input in each step.

    Parameters
    ----------
    x : Tensor, shape (T, batch, *shape)
        Input of each neuron in each step.
    theta : Tensor
        Thresholds, which broadcast to ``(batch, *shape)``.
    time_gradient : TimeGradient
        How times depend on potentials.

    Examples
    --------
    >>> x = torch.tensor([0.5, 0.4, 0.3, 0.2]).reshape(4, 1, 1)
    >>> crossing_by_steps(x, torch.tensor(1.0), TimeGradient()).times
    tensor([[2.]])
    """
    return FirstCrossing(*_CrossingBySteps.apply(x, theta, time_gradient))
