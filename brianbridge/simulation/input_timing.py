"""When input spikes occur within a step of the twin, if Brian2's step is finer."""

from __future__ import annotations

from typing import Literal

import numpy as np

from brianbridge.counters import key_of, sample_keys, uniforms
from brianbridge.encoding import EncodedInput
from brianbridge.network import INPUT

__all__ = ["Timing", "draw_fine_steps"]

#: ``start``: all in the first fine step of their coarse step; ``uniform``: in any of them.
Timing = Literal["start", "uniform"]


def draw_fine_steps(
    encoded: EncodedInput, numbers: np.ndarray, coarse: int, seed: int, first: int = 0
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
    first : int
        Coarse step of the first row of the raster.

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
    key, inputs = key_of(seed, INPUT, "timing"), int(np.prod(shape[2:]))
    fine_steps = np.empty((shape[0], shape[1] * inputs), np.int32)
    for step, cells in enumerate(fine_steps, first):
        cells[:] = uniforms(sample_keys(key, numbers, step), inputs) * coarse
    return fine_steps.reshape(shape)
