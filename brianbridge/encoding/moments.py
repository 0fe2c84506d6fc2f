"""When input spikes occur within a step of an encoding, if a run has a finer one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from brianbridge.counters import key_of, sample_keys, uniforms, uniforms_at
from brianbridge.encoding.base import EncodedInput

__all__ = ["Moments", "Timing", "draw_fine_steps", "moments_of"]

#: The name of the input population, which is part of the key of its draws.
_INPUT = "input"

#: ``start``: all in the first fine step of their coarse step; ``uniform``: in any of them.
Timing = Literal["start", "uniform"]
#: Returns the fine step of each spike of a coarse step, from the number of that step, where the
#: spikes of each sample begin, and the input of each.
Moments = Callable[[int, np.ndarray, np.ndarray], np.ndarray]


def draw_fine_steps(
    encoded: EncodedInput, numbers: np.ndarray, coarse: int, seed: int
) -> np.ndarray:
    """Draw the fine step of the spike in each cell of an input raster.

    Each is one of ``0, ..., coarse - 1`` with equal probability. It is a function of the seed, the
    number of the sample in its data set, the coarse step and the neuron.

    Parameters
    ----------
    encoded : EncodedInput
        Encoded samples with a raster ``(steps, samples, *input_shape)``.
    numbers : numpy.ndarray of int, shape (samples,)
        Number of each sample in its data set.
    coarse : int
        Number of fine steps in a coarse step.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    numpy.ndarray of int32
        Fine steps, in the shape of the raster.

    Examples
    --------
    >>> encoded = EncodedInput(raster=np.ones((2, 1, 3)))
    >>> draw_fine_steps(encoded, np.array([7]), coarse=10, seed=1).shape
    (2, 1, 3)
    """
    assert encoded.raster is not None
    shape = encoded.raster.shape
    key, inputs = key_of(seed, _INPUT, "timing"), int(np.prod(shape[2:]))
    fine_steps = np.empty((shape[0], shape[1] * inputs), np.int32)
    for step, cells in enumerate(fine_steps):
        cells[:] = uniforms(sample_keys(key, numbers, step), inputs) * coarse
    return fine_steps.reshape(shape)


def moments_of(numbers: np.ndarray, inputs: int, coarse: int, seed: int) -> Moments:
    """Return a function that draws the fine step of listed spikes, as `draw_fine_steps` does.

    Parameters
    ----------
    numbers, coarse, seed
        As in `draw_fine_steps`.
    inputs : int
        Number of inputs.

    Examples
    --------
    >>> numbers, encoded = np.array([7]), EncodedInput(raster=np.ones((2, 1, 3)))
    >>> dense = draw_fine_steps(encoded, numbers, coarse=10, seed=1)
    >>> fine_step = moments_of(numbers, inputs=3, coarse=10, seed=1)
    >>> fine_step(1, np.array([0, 2]), np.array([0, 2])).tolist() == dense[1, 0, [0, 2]].tolist()
    True
    """
    key = key_of(seed, _INPUT, "timing")

    def fine_steps(step: int, start: np.ndarray, node: np.ndarray) -> np.ndarray:
        cell = np.repeat(np.arange(len(start) - 1), np.diff(start)) * inputs + node
        uniform = uniforms_at(sample_keys(key, numbers, step), inputs, cell)
        return (uniform * coarse).astype(np.int32)

    return fine_steps
