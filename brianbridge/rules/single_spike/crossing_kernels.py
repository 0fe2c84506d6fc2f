"""First crossings by sorted events: compiled loops over the spikes, not over the steps.

For neurons without leak that fire once, on inputs that fire once. A neuron's potential changes
only where an input fires, so that the work is that of the input spikes and their targets, however
many steps there are. Inputs of the same step arrive together; the threshold is tested after them.

Times are int32 steps, `steps` for never. The loops let go of Python's lock, so that threads can
share the samples out.
"""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled

__all__ = ["conv_backward", "conv_forward", "dense_backward", "dense_forward"]

_compiled = compiled(nogil=True)


@_compiled
def _in_order(times: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs in order of time, and where each step's begin; silent ones are left out."""
    start = np.zeros(steps + 1, np.int64)
    for time in times:
        if time < steps:
            start[time + 1] += 1
    for k in range(steps):
        start[k + 1] += start[k]
    place = start[:-1].copy()
    order = np.empty(start[steps], np.int32)
    for i, time in enumerate(times):
        if time < steps:
            order[place[time]] = i
            place[time] += 1
    return order, start


@_compiled
def dense_forward(
    times: np.ndarray, weight: np.ndarray, theta: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first crossings, the potential there (at the end for never), and its last rise.

    Parameters
    ----------
    times : numpy.ndarray of int32, shape (batch, inputs)
        When inputs fired.
    weight : numpy.ndarray, shape (inputs, neurons)
        Transposed.
    theta : numpy.ndarray, shape (neurons,)
        Thresholds.
    steps : int
        Steps of a presentation.
    """
    batch, neurons = len(times), weight.shape[1]
    first = np.full((batch, neurons), steps, np.int32)
    potential = np.zeros((batch, neurons), weight.dtype)
    rise = np.zeros((batch, neurons), weight.dtype)
    for b in range(batch):
        order, start = _in_order(times[b], steps)
        v = np.zeros(neurons, weight.dtype)
        before = np.zeros(neurons, weight.dtype)
        waiting = neurons
        for k in range(steps):
            if start[k] == start[k + 1] or waiting == 0:
                continue
            before[:] = v
            for i in order[start[k] : start[k + 1]]:
                row = weight[i]
                for j in range(neurons):
                    v[j] += row[j]
            for j in range(neurons):
                if v[j] > theta[j] and first[b, j] == steps:
                    first[b, j] = k
                    potential[b, j] = v[j]
                    rise[b, j] = v[j] - before[j]
                    waiting -= 1
        for j in range(neurons):
            if first[b, j] == steps:
                potential[b, j] = v[j]
    return first, potential, rise


@_compiled
def dense_backward(
    times: np.ndarray,
    first: np.ndarray,
    credit: np.ndarray,
    weight: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of weights ``(neurons, inputs)`` and of input spikes.

    Parameters
    ----------
    times, first : numpy.ndarray of int32, shape (batch, inputs), (batch, neurons)
        When inputs and neurons fired.
    credit : numpy.ndarray, shape (batch, neurons)
        The gradient of each neuron's potential where it fired, or at the end.
    weight : numpy.ndarray, shape (neurons, inputs)
        As torch has it.
    steps : int
        Steps of a presentation.
    """
    batch, inputs = times.shape
    neurons = first.shape[1]
    of_weight = np.zeros((neurons, inputs), weight.dtype)
    of_input = np.zeros((batch, inputs), weight.dtype)
    for b in range(batch):
        for j in range(neurons):
            g = credit[b, j]
            if g == 0:
                continue
            last = min(first[b, j], steps - 1)
            row, sums = weight[j], of_weight[j]
            for i in range(inputs):
                share = g if times[b, i] <= last else weight.dtype.type(0)
                sums[i] += share
                of_input[b, i] += share * row[i]
    return of_weight, of_input


@_compiled
def conv_forward(
    times: np.ndarray,
    weight: np.ndarray,
    theta: np.ndarray,
    steps: int,
    stride: tuple[int, int],
    padding: tuple[int, int],
    out: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first crossings, potentials and last rises, each ``(batch, height, width, channels)``.

    Parameters
    ----------
    times : numpy.ndarray of int32, shape (batch, channels, height, width)
        When inputs fired.
    weight : numpy.ndarray, shape (inputs, kernel height, kernel width, channels)
        With the channels of the output last.
    theta : numpy.ndarray, shape (height, width, channels)
        Thresholds.
    steps : int
        Steps of a presentation.
    stride, padding, out : (int, int)
        As in torch; height and width of the output.
    """
    batch, _, high, wide = times.shape
    kernel_high, kernel_wide, channels = weight.shape[1:]
    places = out[0] * out[1]
    first = np.full((batch, places, channels), steps, np.int32)
    potential = np.zeros((batch, places, channels), weight.dtype)
    rise = np.zeros((batch, places, channels), weight.dtype)
    thresholds = theta.reshape(places, channels)
    for b in range(batch):
        order, start = _in_order(times[b].ravel(), steps)
        v = np.zeros((places, channels), weight.dtype)
        before = np.zeros((places, channels), weight.dtype)
        seen = np.full(places, -1, np.int64)
        touched = np.empty(places, np.int64)
        for k in range(steps):
            number = 0
            for i in order[start[k] : start[k + 1]]:
                c, pixel = divmod(i, high * wide)
                y, x = divmod(pixel, wide)
                for ky in range(kernel_high):
                    row, rest = divmod(y + padding[0] - ky, stride[0])
                    if rest != 0 or row < 0 or row >= out[0]:
                        continue
                    for kx in range(kernel_wide):
                        column, rest = divmod(x + padding[1] - kx, stride[1])
                        if rest != 0 or column < 0 or column >= out[1]:
                            continue
                        place = row * out[1] + column
                        if seen[place] != k:
                            seen[place] = k
                            touched[number] = place
                            number += 1
                            for o in range(channels):
                                before[place, o] = v[place, o]
                        added = weight[c, ky, kx]
                        for o in range(channels):
                            v[place, o] += added[o]
            for place in touched[:number]:
                for o in range(channels):
                    if v[place, o] > thresholds[place, o] and first[b, place, o] == steps:
                        first[b, place, o] = k
                        potential[b, place, o] = v[place, o]
                        rise[b, place, o] = v[place, o] - before[place, o]
        for place in range(places):
            for o in range(channels):
                if first[b, place, o] == steps:
                    potential[b, place, o] = v[place, o]
    shape = (batch, out[0], out[1], channels)
    return first.reshape(shape), potential.reshape(shape), rise.reshape(shape)


@_compiled
def conv_backward(
    times: np.ndarray,
    first: np.ndarray,
    credit: np.ndarray,
    weight: np.ndarray,
    steps: int,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of weights, in torch's layout, and of input spikes.

    Parameters
    ----------
    times : numpy.ndarray of int32, shape (batch, inputs, height, width)
        When inputs fired.
    first, credit : numpy.ndarray, shape (batch, channels, height, width)
        When neurons fired, and the gradient of their potential there, or at the end.
    weight : numpy.ndarray, shape (channels, inputs, kernel height, kernel width)
        As torch has it.
    steps, stride, padding
        As in `conv_forward`.
    """
    batch, inputs, high, wide = times.shape
    channels, _, kernel_high, kernel_wide = weight.shape
    of_weight = np.zeros(weight.shape, weight.dtype)
    of_input = np.zeros(times.shape, weight.dtype)
    for b in range(batch):
        for o in range(channels):
            for row in range(first.shape[2]):
                for column in range(first.shape[3]):
                    g = credit[b, o, row, column]
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
