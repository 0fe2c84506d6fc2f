"""Rate coding: in each step an input fires with a probability proportional to its intensity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.encoding.blocks import joined, spans, steps_of_block
from brianbridge.errors import InputError

__all__ = ["Bernoulli"]


@dataclass(frozen=True)
class Bernoulli(Encoding):
    """Draw each input spike independently with probability ``gain*abs(x)``.

    Parameters
    ----------
    gain : float
        Probability of a spike in one step at intensity 1 (Lee et al. 2020 use 0.5 for MNIST).
    signed : bool
        Whether negative intensities fire spikes of value -1. If not, they are refused.
    seed : int
        Seed of the random numbers, which also depend on the sample and the stream.

    Examples
    --------
    >>> x = np.array([[-1.0, 0.5]])
    >>> raster = Bernoulli(steps=100, signed=True).encode(x, np.arange(1)).raster
    >>> raster[:, 0, 0].sum(), 30 < raster[:, 0, 1].sum() < 70
    (np.int64(-100), np.True_)
    """

    kind: ClassVar[str] = "bernoulli"

    gain: float = 1.0
    signed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "seed", self._whole("seed", at_least=0))
        if not isinstance(self.gain, int | float) or not 0 <= self.gain < np.inf:
            raise InputError(f"encoding 'bernoulli': gain = {self.gain!r}; give 0 or more")
        if not isinstance(self.signed, bool):
            raise InputError(f"encoding 'bernoulli': signed = {self.signed!r}; give true or false")

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster of -1, 0 and 1; see `Encoding.encode`."""
        x = self._samples(x, index)
        block = steps_of_block(x.size)
        return joined(self.blocks(x, index, block, stream), self.steps)

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Yield rasters of -1, 0 and 1; see `Encoding.blocks`."""
        x = self._samples(x, index)
        if not self.signed and np.any(x < 0):
            raise InputError(
                f"encoding 'bernoulli': the smallest value is {x.min():g}; set signed = true, or "
                "scale the data to [0, 1]"
            )
        probability = self.gain * np.abs(x)
        if np.any(probability > 1):
            raise InputError(
                f"encoding 'bernoulli': gain*|x| reaches {probability.max():g}, which is not "
                "a probability; lower the gain or scale the data"
            )
        sign = np.sign(x).astype(np.int8)
        generators = [np.random.default_rng((self.seed, stream, int(n))) for n in index]
        for first, last in spans(self.steps, block):
            raster = np.empty((last - first, *x.shape), np.int8)
            for position, generator in enumerate(generators):
                uniform = generator.random((last - first, *x.shape[1:]))
                raster[:, position] = (uniform < probability[position]) * sign[position]
            yield EncodedInput(raster=raster)
