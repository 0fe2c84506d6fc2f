"""First crossings from the sorted times of inputs, by compiled loops on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.network import AllToAll, Convolution, Projection
from brianbridge.rules.single_spike import convolution_kernels, dense_kernels
from brianbridge.rules.single_spike.first_crossing import FirstCrossing, TimeGradient
from brianbridge.twin.projections import ProjectionTwin

__all__ = ["crossing_by_events", "has_event_kernel"]


class _CrossingByEvents(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        times: Tensor,
        weight: Tensor,
        theta: Tensor,
        kernels: _DenseKernels,
        time_gradient: TimeGradient,
        T: int,
    ) -> tuple[Tensor, Tensor]:
        inputs = times.detach().numpy().astype(np.int32)
        values = weight.detach().numpy()
        first, potential, rise = kernels.forward(inputs, values, theta.numpy(), T)
        ctx.inputs, ctx.first, ctx.steps = inputs, first, T
        ctx.kernels, ctx.time_gradient = kernels, time_gradient
        found = torch.from_numpy(first).to(times.dtype)
        at = torch.from_numpy(potential)
        ctx.save_for_backward(weight, found, at, torch.from_numpy(rise), theta)
        ctx.mark_non_differentiable(at)
        return found, at

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        weight, found, potential, rise, theta = ctx.saved_tensors
        delta = ctx.time_gradient.of_potential(
            gradients[0], found, potential, rise, theta, ctx.steps
        )
        of_weight, of_input = ctx.kernels.backward(
            ctx.inputs, ctx.first, np.ascontiguousarray(delta.numpy()), weight.numpy(), ctx.steps
        )
        of_times = -torch.from_numpy(of_input)
        return of_times, torch.from_numpy(of_weight), None, None, None, None


@dataclass(frozen=True)
class _DenseKernels:
    """Run the kernels of a dense projection, from ``(batch, *source)`` to ``(batch, *target)``."""

    target: tuple[int, ...]

    def forward(self, times: np.ndarray, weight: np.ndarray, theta: np.ndarray, T: int) -> Any:
        flat = np.ascontiguousarray(times.reshape(len(times), -1))
        weights, thresholds = np.ascontiguousarray(weight.T), np.ascontiguousarray(theta.ravel())
        parts = _in_threads(dense_kernels.forward, [flat], weights, thresholds, T)
        return tuple(_joined(values).reshape(len(times), *self.target) for values in parts)

    def backward(
        self, times: np.ndarray, first: np.ndarray, delta: np.ndarray, weight: np.ndarray, T: int
    ) -> tuple[np.ndarray, np.ndarray]:
        flat = [np.ascontiguousarray(a.reshape(len(a), -1)) for a in (times, first, delta)]
        weights = np.ascontiguousarray(weight)
        of_weight, of_input = _in_threads(dense_kernels.backward, flat, weights, T)
        return sum(of_weight), _joined(of_input).reshape(times.shape)


@dataclass(frozen=True)
class _ConvolutionKernels(_DenseKernels):
    """Run the kernels of a convolution."""

    source: tuple[int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def forward(self, times: np.ndarray, weight: np.ndarray, theta: np.ndarray, T: int) -> Any:
        parts = _in_threads(
            convolution_kernels.forward,
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
            convolution_kernels.backward,
            [np.ascontiguousarray(times.reshape(-1, *self.source)), first, delta],
            np.ascontiguousarray(weight), T, self.stride, self.padding,
        )  # fmt: skip
        return sum(of_weight), _joined(of_input).reshape(times.shape)


def _in_threads(kernel: Callable[..., Any], per_sample: list[np.ndarray], *rest: Any) -> Any:
    """Run a kernel in as many threads as torch has; return the parts of each result.

    Parameters
    ----------
    kernel : callable
        Takes ``(*per_sample, *rest)`` and returns a tuple of arrays.
    per_sample : list of numpy.ndarray, shape (batch, ...)
        Arrays whose samples the threads share.
    *rest
        Arguments that all threads get.
    """
    batch = len(per_sample[0])
    threads = min(torch.get_num_threads(), batch)
    if threads == 1:
        return [(part,) for part in kernel(*per_sample, *rest)]
    bounds = np.linspace(0, batch, threads + 1).astype(int)

    def work(low: int, high: int) -> Any:
        return kernel(*(values[low:high] for values in per_sample), *rest)

    with ThreadPoolExecutor(threads) as pool:
        return list(zip(*pool.map(work, bounds[:-1], bounds[1:]), strict=True))


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def has_event_kernel(projection: Projection, device: torch.device) -> bool:
    """Return whether there is a compiled kernel for a projection on this device."""
    connection = projection.connection
    if device.type != "cpu" or projection.pool is not None or projection.bias is not None:
        return False
    if isinstance(connection, Convolution):
        return connection.groups == 1 and connection.dilation == (1, 1)
    return isinstance(connection, AllToAll)


def crossing_by_events(
    times: Tensor,
    weights: ProjectionTwin,
    projection: Projection,
    theta: Tensor,
    time_gradient: TimeGradient,
    steps: int,
    scale: float = 1.0,
) -> FirstCrossing:
    """Return the first crossings of neurons from the spike times of one projection's source.

    Parameters
    ----------
    times : Tensor, shape (batch, *source)
        Steps in which inputs fired; `steps` for never.
    weights, projection
        The weights, and the projection that they belong to; `has_event_kernel` must hold.
    theta : Tensor
        Thresholds, which broadcast to the target's shape.
    time_gradient : TimeGradient
        How times depend on potentials.
    steps : int
        Number of steps of a presentation.
    scale : float
        Factor of the weights, for dropout.
    """
    target, connection = weights.target, projection.connection
    kernels = _DenseKernels(target)
    if isinstance(connection, Convolution):
        source = (1, *weights.source) if len(weights.source) == 2 else weights.source
        kernels = _ConvolutionKernels(target, source, connection.stride, connection.padding)  # type: ignore[arg-type]
    weight = scale * weights.effective()[0]
    thresholds = theta.to(weight.dtype).expand(target).contiguous()
    return FirstCrossing(
        *_CrossingByEvents.apply(times, weight, thresholds, kernels, time_gradient, steps)
    )
