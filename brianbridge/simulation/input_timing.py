"""Where in a coarse step its input spikes fall, when Brian2's step is finer."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..encoding import EncodedInput

__all__ = ["Timing", "places"]

#: ``start``: all on the start of their coarse step; ``uniform``: on any of its fine steps.
Timing = Literal["start", "uniform"]


def places(encoded: EncodedInput, numbers: np.ndarray, coarse: int, seed: int) -> np.ndarray:
    """Draw for every cell of an input raster the fine step at which its spike falls.

    Each is one of ``0, ..., coarse - 1`` with the same chance. They depend on the seed and on the
    number of the sample in its data set, not on how samples are batched.

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
    drawn = np.empty(shape, np.int32)
    for position, number in enumerate(numbers):
        random = np.random.default_rng((seed, int(number)))
        drawn[:, position] = random.integers(coarse, size=(shape[0], *shape[2:]), dtype=np.int32)
    return drawn
