"""First crossings by sorted events for convolutions: loops over spikes, compiled by numba.

For neurons without leak that fire once, on inputs that fire once. The potential of such a neuron
changes only where an input fires. The work thus depends on the number of input spikes and of their
targets, not on the number of steps. Inputs of the same step arrive together, and the threshold is
tested after them.

Times are int32 steps; `steps` stands for never. The loops release Python's lock, so that threads
can share the samples.
"""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.rules.single_spike.dense_kernels import inputs_in_order

__all__ = ["backward", "forward"]

_compiled = compiled(nogil=True)


@compiled(nogil=True, inline="always")  # a call for each spike would take 10 % more time
def _add_spike(
    index: int,
    step: int,
    weight: np.ndarray,
    shape: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    out: tuple[int, int],
    v: np.ndarray,
    before: np.ndarray,
    seen: np.ndarray,
    touched: np.ndarray,
    number: int,
) -> int:
    """Add the weights of one input spike to its targets; return the number of positions touched.

    Parameters
    ----------
    index, step : int
        The input that fires, counted over channels, rows and columns, and its step.
    weight, stride, padding, out
        As in `forward`.
    shape : (int, int)
        Height and width of the input.
    v, before : numpy.ndarray, shape (positions, channels)
        Potentials now, and at the start of the step (of positions that were touched).
    seen, touched : numpy.ndarray of int, shape (positions,)
        Step in which each position was last touched; the positions touched in this step.
    number : int
        Number of positions touched so far.
    """
    c, pixel = divmod(index, shape[0] * shape[1])
    y, x = divmod(pixel, shape[1])
    for ky in range(weight.shape[1]):
        row, rest = divmod(y + padding[0] - ky, stride[0])
        if rest != 0 or row < 0 or row >= out[0]:
            continue
        for kx in range(weight.shape[2]):
            column, rest = divmod(x + padding[1] - kx, stride[1])
            if rest != 0 or column < 0 or column >= out[1]:
                continue
            position = row * out[1] + column
            if seen[position] != step:
                seen[position] = step
                touched[number] = position
                number += 1
                for o in range(v.shape[1]):
                    before[position, o] = v[position, o]
            added = weight[c, ky, kx]
            for o in range(v.shape[1]):
                v[position, o] += added[o]
    return number


@_compiled
def forward(
    times: np.ndarray,
    weight: np.ndarray,
    theta: np.ndarray,
    steps: int,
    stride: tuple[int, int],
    padding: tuple[int, int],
    out: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first crossings, potentials and rises, each ``(batch, height, width, channels)``.

    Parameters
    ----------
    times : numpy.ndarray of int32, shape (batch, channels, height, width)
        Steps in which inputs fired.
    weight : numpy.ndarray, shape (inputs, kernel height, kernel width, channels)
        Weights, with the channels of the output last.
    theta : numpy.ndarray, shape (height, width, channels)
        Thresholds.
    steps : int
        Number of steps of a presentation.
    stride, padding, out : (int, int)
        Stride and padding as in torch; height and width of the output.
    """
    batch, channels, positions = len(times), weight.shape[3], out[0] * out[1]
    first = np.full((batch, positions, channels), steps, np.int32)
    potential = np.zeros((batch, positions, channels), weight.dtype)
    rise = np.zeros((batch, positions, channels), weight.dtype)
    thresholds = theta.reshape(positions, channels)
    image = (times.shape[2], times.shape[3])
    for b in range(batch):
        order, start = inputs_in_order(times[b].ravel(), steps)
        v = potential[b]  # ends as the potential of neurons that never fired
        before = np.zeros((positions, channels), weight.dtype)
        at_crossing = np.zeros((positions, channels), weight.dtype)
        seen = np.full(positions, -1, np.int64)
        touched = np.empty(positions, np.int64)
        for k in range(steps):
            number = 0
            for i in order[start[k] : start[k + 1]]:
                number = _add_spike(
                    i, k, weight, image, stride, padding, out, v, before, seen, touched, number
                )
            for position in touched[:number]:
                for o in range(channels):
                    if v[position, o] > thresholds[position, o] and first[b, position, o] == steps:
                        first[b, position, o] = k
                        at_crossing[position, o] = v[position, o]
                        rise[b, position, o] = v[position, o] - before[position, o]
        v[:] = np.where(first[b] < steps, at_crossing, v)
    shape = (batch, out[0], out[1], channels)
    return first.reshape(shape), potential.reshape(shape), rise.reshape(shape)


@_compiled
def backward(
    times: np.ndarray,
    first: np.ndarray,
    delta: np.ndarray,
    weight: np.ndarray,
    steps: int,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of the weights, in the layout of torch, and of the input spikes.

    Parameters
    ----------
    times : numpy.ndarray of int32, shape (batch, inputs, height, width)
        Steps in which inputs fired.
    first, delta : numpy.ndarray, shape (batch, channels, height, width)
        Steps in which neurons fired, and the gradient of their potential there, or at the end.
    weight : numpy.ndarray, shape (channels, inputs, kernel height, kernel width)
        Weights in the layout of torch.
    steps, stride, padding
        As in `forward`.
    """
    batch, inputs, high, wide = times.shape
    channels, _, kernel_high, kernel_wide = weight.shape
    of_weight = np.zeros(weight.shape, weight.dtype)
    of_input = np.zeros(times.shape, weight.dtype)
    for b in range(batch):
        for o in range(channels):
            for row in range(first.shape[2]):
                for column in range(first.shape[3]):
                    g = delta[b, o, row, column]
                    if g == 0:
                        continue
                    last = min(first[b, o, row, column], steps - 1)
                    top = row * stride[0] - padding[0]
                    left = column * stride[1] - padding[1]
                    for c in range(inputs):
                        for ky in range(max(0, -top), min(kernel_high, high - top)):
                            for kx in range(max(0, -left), min(kernel_wide, wide - left)):
                                if times[b, c, top + ky, left + kx] <= last:
                                    of_weight[o, c, ky, kx] += g
                                    of_input[b, c, top + ky, left + kx] += g * weight[o, c, ky, kx]
    return of_weight, of_input
