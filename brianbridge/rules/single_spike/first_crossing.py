"""The time of a neuron's first spike as a function of the times of its inputs, with a gradient.

For integrate-and-fire neurons without leak that fire once, on inputs that fire once: a neuron
fires at the first step k with ``sum over i with t_i <= k of W_ji > theta``. Two ways to the same
times:

by steps
    The weighted raster, summed over time; any projection, any device.
by events
    Dense and convolutional projections on a processor: the inputs in order of their time
    (`brianbridge.rules.single_spike.crossing_kernels`), with no loop over the steps.

The gradient is that of S4NN (Kheradpisheh & Masquelier 2020, read in the authors' code): with
``delta_j = -dt_j/dV dL/dt_j`` the gradient of the potential at the crossing,

    dL/dW_ji = delta_j [t_i <= t_j],      dL/dt_i = -sum over j of delta_j W_ji [t_i <= t_j]

(an input that comes later by a step takes its weight away). What ``dt_j/dV`` is, is a choice: see
`Credit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from brianbridge.network import AllToAll, Convolution, Projection
from brianbridge.rules.single_spike import crossing_kernels as kernels
from brianbridge.twin.projections import ProjectionTwin
from brianbridge.twin.scan import first_steps

__all__ = ["Credit", "Crossing", "by_events", "by_steps", "goes_by_events", "raster_of"]

#: Below this, a rise of the potential counts as no rise.
_SMALL = 1e-6


class Crossing(NamedTuple):
    """Hold when neurons fired, ``(batch, *shape)`` each.

    Parameters
    ----------
    times : Tensor
        In steps; T for never. It has the gradient.
    potential : Tensor
        The potential at the crossing; that at the end for neurons that never fired.
    """

    times: Tensor
    potential: Tensor


@dataclass(frozen=True)
class Credit:
    """Say how the time of a spike depends on the potential: ``-dt/dV``.

    Parameters
    ----------
    slope : {"unit", "slope", "window"}
        1, as in S4NN; one over the rise of the potential in the step of the crossing; or 1 where
        the potential is less than `width` from the threshold, and else 0.
    width : float
        Of the window.
    silent : bool
        Whether neurons that never fired count as firing after the last step, as in S4NN's code;
        else they have no gradient.
    normalise : bool
        Whether the gradients of a layer's potentials are divided by their norm, sample by sample;
        the batch then has the mean of the samples' gradients.
    """

    kinds: ClassVar[tuple[str, ...]] = ("unit", "slope", "window")

    slope: Literal["unit", "slope", "window"] = "unit"
    width: float = 0.5
    silent: bool = True
    normalise: bool = True

    def of_potential(
        self,
        gradient: Tensor,
        times: Tensor,
        potential: Tensor,
        rise: Tensor,
        theta: Tensor,
        T: int,
    ) -> Tensor:
        """Return the gradient of the potential, ``(batch, *shape)``, of that of the times."""
        fired = times < T
        match self.slope:
            case "slope":
                factor = torch.where(fired, 1 / rise.clamp(min=_SMALL), 1.0)
            case "window":
                near = (potential - theta).abs() < self.width
                factor = torch.where(fired, near.to(gradient.dtype), 1.0)
            case _:
                factor = torch.ones_like(gradient)
        if not self.silent:
            factor = factor * fired
        found = -gradient * factor
        if self.normalise:
            flat = found.flatten(1)
            norm = flat.norm(dim=1, keepdim=True)
            flat = torch.where(norm > 0, flat / norm, 0.0) / len(flat)
            found = flat.reshape(found.shape)
        return found


# ---------------------------------------------------------------------- by steps


class _OneHot(torch.autograd.Function):
    """Make a raster of times; an input that comes a step later is missing where it was."""

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


class _CrossingOfInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, theta: Tensor, credit: Credit) -> tuple[Tensor, Tensor]:
        potential = x.cumsum(0)
        times = first_steps((potential > theta).to(x.dtype))
        at = times.clamp(max=len(x) - 1).long().unsqueeze(0)
        found, rise = potential.gather(0, at)[0], x.gather(0, at)[0]
        ctx.save_for_backward(times, found, rise, theta)
        ctx.credit, ctx.steps = credit, len(x)
        ctx.mark_non_differentiable(found)
        return times, found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        times, potential, rise, theta = ctx.saved_tensors
        delta = ctx.credit.of_potential(gradients[0], times, potential, rise, theta, ctx.steps)
        steps = torch.arange(ctx.steps, dtype=times.dtype, device=times.device)
        until = steps.reshape(-1, *(1,) * times.ndim) <= times
        return delta * until, None, None


def raster_of(times: Tensor, steps: int) -> Tensor:
    """Return the raster ``(T, batch, *shape)`` of first spikes, with a gradient to their times."""
    found: Tensor = _OneHot.apply(times, steps)
    return found


def by_steps(x: Tensor, theta: Tensor, credit: Credit) -> Crossing:
    """Return the first crossings of neurons from their input in each step.

    Parameters
    ----------
    x : Tensor, shape (T, batch, *shape)
        What reaches each neuron.
    theta : Tensor
        Thresholds, to go with ``(batch, *shape)``.
    credit : Credit
        How times depend on potentials.

    Examples
    --------
    >>> x = torch.tensor([0.5, 0.4, 0.3, 0.2]).reshape(4, 1, 1)
    >>> by_steps(x, torch.tensor(1.0), Credit()).times
    tensor([[2.]])
    """
    return Crossing(*_CrossingOfInput.apply(x, theta, credit))


# ---------------------------------------------------------------------- by events


class _CrossingOfEvents(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, times: Tensor, weight: Tensor, theta: Tensor, kind: _Kind, credit: Credit, T: int
    ) -> tuple[Tensor, Tensor]:
        inputs = times.detach().numpy().astype(np.int32)
        values = weight.detach().numpy()
        first, potential, rise = kind.forward(inputs, values, theta.numpy(), T)
        ctx.inputs, ctx.first, ctx.kind, ctx.credit, ctx.steps = inputs, first, kind, credit, T
        found = torch.from_numpy(first).to(times.dtype)
        at = torch.from_numpy(potential)
        ctx.save_for_backward(weight, found, at, torch.from_numpy(rise), theta)
        ctx.mark_non_differentiable(at)
        return found, at

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        weight, found, potential, rise, theta = ctx.saved_tensors
        delta = ctx.credit.of_potential(gradients[0], found, potential, rise, theta, ctx.steps)
        of_weight, of_input = ctx.kind.backward(
            ctx.inputs, ctx.first, np.ascontiguousarray(delta.numpy()), weight.numpy(), ctx.steps
        )
        of_times = -torch.from_numpy(of_input)
        return of_times, torch.from_numpy(of_weight), None, None, None, None


@dataclass(frozen=True)
class _Kind:
    """Run the kernels of a dense projection, ``(batch, *source)`` to ``(batch, *target)``."""

    target: tuple[int, ...]

    def forward(self, times: np.ndarray, weight: np.ndarray, theta: np.ndarray, T: int) -> Any:
        flat = np.ascontiguousarray(times.reshape(len(times), -1))
        weights, thresholds = np.ascontiguousarray(weight.T), np.ascontiguousarray(theta.ravel())
        parts = _in_threads(kernels.dense_forward, [flat], weights, thresholds, T)
        return tuple(_joined(values).reshape(len(times), *self.target) for values in parts)

    def backward(
        self, times: np.ndarray, first: np.ndarray, delta: np.ndarray, weight: np.ndarray, T: int
    ) -> tuple[np.ndarray, np.ndarray]:
        flat = [np.ascontiguousarray(a.reshape(len(a), -1)) for a in (times, first, delta)]
        weights = np.ascontiguousarray(weight)
        of_weight, of_input = _in_threads(kernels.dense_backward, flat, weights, T)
        return sum(of_weight), _joined(of_input).reshape(times.shape)


@dataclass(frozen=True)
class _Sliding(_Kind):
    """Run the kernels of a convolution."""

    source: tuple[int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def forward(self, times: np.ndarray, weight: np.ndarray, theta: np.ndarray, T: int) -> Any:
        parts = _in_threads(
            kernels.conv_forward,
            [np.ascontiguousarray(times.reshape(-1, *self.source))],
            np.ascontiguousarray(weight.transpose(1, 2, 3, 0)),
            np.ascontiguousarray(theta.transpose(1, 2, 0)),
            T, self.stride, self.padding, self.target[1:],
        )  # fmt: skip
        return tuple(np.ascontiguousarray(_joined(v).transpose(0, 3, 1, 2)) for v in parts)

    def backward(
        self, times: np.ndarray, first: np.ndarray, delta: np.ndarray, weight: np.ndarray, T: int
    ) -> tuple[np.ndarray, np.ndarray]:
        of_weight, of_input = _in_threads(
            kernels.conv_backward,
            [np.ascontiguousarray(times.reshape(-1, *self.source)), first, delta],
            np.ascontiguousarray(weight), T, self.stride, self.padding,
        )  # fmt: skip
        return sum(of_weight), _joined(of_input).reshape(times.shape)


def _in_threads(kernel: Callable[..., Any], of_samples: list[np.ndarray], *rest: Any) -> Any:
    """Share the samples out to as many threads as torch has; return their results, side by side."""
    batch = len(of_samples[0])
    threads = min(torch.get_num_threads(), batch)
    if threads == 1:
        return [(part,) for part in kernel(*of_samples, *rest)]
    bounds = np.linspace(0, batch, threads + 1).astype(int)

    def work(low: int, high: int) -> Any:
        return kernel(*(values[low:high] for values in of_samples), *rest)

    with ThreadPoolExecutor(threads) as pool:
        return list(zip(*pool.map(work, bounds[:-1], bounds[1:]), strict=True))


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def goes_by_events(projection: Projection, device: torch.device) -> bool:
    """Tell whether there is a kernel for a projection on this device."""
    connection = projection.connection
    if device.type != "cpu" or projection.pool is not None or projection.bias is not None:
        return False
    if isinstance(connection, Convolution):
        return connection.groups == 1 and connection.dilation == (1, 1)
    return isinstance(connection, AllToAll)


def by_events(
    times: Tensor,
    weights: ProjectionTwin,
    projection: Projection,
    theta: Tensor,
    credit: Credit,
    steps: int,
    scale: float = 1.0,
) -> Crossing:
    """Return the first crossings of neurons from the times of one projection's inputs.

    Parameters
    ----------
    times : Tensor, shape (batch, *source)
        When inputs fired, in steps; `steps` for never.
    weights, projection
        The weights, and what they are; `goes_by_events` must hold.
    theta : Tensor, broadcast to `target`
        Thresholds.
    credit : Credit
        How times depend on potentials.
    steps : int
        Steps of a presentation.
    scale : float
        What a spike counts for.
    """
    target, connection = weights.target, projection.connection
    kind = _Kind(target)
    if isinstance(connection, Convolution):
        source = (1, *weights.source) if len(weights.source) == 2 else weights.source
        kind = _Sliding(target, source, connection.stride, connection.padding)  # type: ignore[arg-type]
    weight = scale * weights.effective()[0]
    thresholds = theta.to(weight.dtype).expand(target).contiguous()
    return Crossing(*_CrossingOfEvents.apply(times, weight, thresholds, kind, credit, steps))
