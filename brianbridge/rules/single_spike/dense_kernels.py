"""First crossings by sorted events for dense projections: loops over spikes, compiled by numba.

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

__all__ = ["backward", "forward", "inputs_in_order"]

_compiled = compiled(nogil=True)


@_compiled
def inputs_in_order(times: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs that fire, in order of time, and the index at which each step starts."""
    start = np.zeros(steps + 1, np.int64)
    for time in times:
        if time < steps:
            start[time + 1] += 1
    for k in range(steps):
        start[k + 1] += start[k]
    position = start[:-1].copy()
    order = np.empty(start[steps], np.int32)
    for i, time in enumerate(times):
        if time < steps:
            order[position[time]] = i
            position[time] += 1
    return order, start


@_compiled
def forward(
    times: np.ndarray, weight: np.ndarray, theta: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first crossings, the potential there (at the end for never), and its rise there.

    Parameters
    ----------
    times : numpy.ndarray of int32, shape (batch, inputs)
        Steps in which inputs fired.
    weight : numpy.ndarray, shape (inputs, neurons)
        Transposed weights.
    theta : numpy.ndarray, shape (neurons,)
        Thresholds.
    steps : int
        Number of steps of a presentation.
    """
    batch, neurons = len(times), weight.shape[1]
    first = np.full((batch, neurons), steps, np.int32)
    potential = np.zeros((batch, neurons), weight.dtype)
    rise = np.zeros((batch, neurons), weight.dtype)
    for b in range(batch):
        order, start = inputs_in_order(times[b], steps)
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
def backward(
    times: np.ndarray,
    first: np.ndarray,
    delta: np.ndarray,
    weight: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of the weights ``(neurons, inputs)`` and of the input spikes.

    Parameters
    ----------
    times, first : numpy.ndarray of int32, shape (batch, inputs), (batch, neurons)
        Steps in which inputs and neurons fired.
    delta : numpy.ndarray, shape (batch, neurons)
        Gradient of each neuron's potential where it fired, or at the end.
    weight : numpy.ndarray, shape (neurons, inputs)
        Weights in the layout of torch.
    steps : int
        Number of steps of a presentation.
    """
    batch, inputs = times.shape
    neurons = first.shape[1]
    of_weight = np.zeros((neurons, inputs), weight.dtype)
    of_input = np.zeros((batch, inputs), weight.dtype)
    for b in range(batch):
        for j in range(neurons):
            g = delta[b, j]
            if g == 0:
                continue
            last = min(first[b, j], steps - 1)
            row, sums = weight[j], of_weight[j]
            for i in range(inputs):
                share = g if times[b, i] <= last else weight.dtype.type(0)
                sums[i] += share
                of_input[b, i] += share * row[i]
    return of_weight, of_input
