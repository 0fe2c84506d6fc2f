"""Where in a coarse step its input spikes fall, when Brian2's step is finer."""

from __future__ import annotations

from typing import Literal

import numpy as np

from brianbridge.encoding import EncodedInput
from brianbridge.network import INPUT
from brianbridge.simulation.counter_random import key_of, keys_of_samples, uniforms

__all__ = ["Timing", "places"]

#: ``start``: all on the start of their coarse step; ``uniform``: on any of its fine steps.
Timing = Literal["start", "uniform"]


def places(encoded: EncodedInput, numbers: np.ndarray, coarse: int, seed: int) -> np.ndarray:
    """Draw for every cell of an input raster the fine step at which its spike falls.

    Each is one of ``0, ..., coarse - 1`` with the same chance, and a function of the seed, the
    number of the sample in its data set, the coarse step and the neuron.

    Parameters
    ----------
    encoded : EncodedInput
        With a raster ``(steps, samples, *input_shape)``.
    numbers : numpy.ndarray of int, shape (samples,)
        Numbers of the samples.
    coarse : int
        Fine steps in a coarse one.
    seed : int
        Of the draws.

    Returns
    -------
    numpy.ndarray of int32
        As the raster.

    Examples
    --------
    >>> encoded = EncodedInput(raster=np.ones((2, 1, 3)))
    >>> places(encoded, np.array([7]), coarse=10, seed=1).shape
    (2, 1, 3)
    """
    assert encoded.raster is not None
    shape = encoded.raster.shape
    key, inputs = key_of(seed, INPUT, "timing"), int(np.prod(shape[2:]))
    drawn = np.empty((shape[0], shape[1] * inputs), np.int32)
    for step, cells in enumerate(drawn):
        cells[:] = uniforms(keys_of_samples(key, numbers, step), inputs) * coarse
    return drawn.reshape(shape)
