"""Rate coding: in each step an input fires with a probability proportional to its intensity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.counters import key_of
from brianbridge.encoding.base import EncodedInput, Encoding, StepEvents
from brianbridge.encoding.blocks import spans
from brianbridge.encoding.draws import Chances
from brianbridge.encoding.limits import ROUNDING, exceeds, shown_above
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

    @property
    def description(self) -> str:
        """The kind of input, with the rate at intensity 1; see `Encoding.description`."""
        return f"bernoulli (up to {self.gain / self.dt:g} Hz)"

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster of -1, 0 and 1; see `Encoding.encode`."""
        return next(self.blocks(x, index, self.steps, stream))

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Yield rasters of -1, 0 and 1; see `Encoding.blocks`."""
        x = self._samples(x, index)
        (chances, negative), key = self._chances(x), self._key(stream)
        sign = np.sign(x).astype(np.int8) if negative else None
        for first, last in spans(self.steps, block):
            raster = chances.raster(key, index, np.arange(len(x)), first, last)
            raster = raster.reshape(last - first, *x.shape)
            if sign is not None:
                raster *= sign
            yield EncodedInput(raster=raster)

    def events(
        self, x: np.ndarray, index: np.ndarray, stream: int = 0
    ) -> Iterator[StepEvents] | None:
        """List the spikes if all are 1; see `Encoding.events`."""
        x = self._samples(x, index)
        (chances, negative), key = self._chances(x), self._key(stream)
        if negative:
            return None
        rows = np.arange(len(x))
        return (chances.events(key, index, rows, step) for step in range(self.steps))

    def _chances(self, x: np.ndarray) -> tuple[Chances, bool]:
        """Return the probabilities of samples, and whether some value is negative.

        Samples that give no probability are refused.
        """
        low, high = x.min(initial=0.0), x.max(initial=0.0)
        largest = 1.0 if self.gain <= 1 else 1 / self.gain
        if not self.signed and low < -ROUNDING:
            raise InputError(
                f"encoding 'bernoulli': the smallest value is {low:g}; clip the data, "
                f"x.clip(0, {largest:g}), scale them, or for signed data give signed=True"
            )
        reached = self.gain * max(-low, high)
        if exceeds(reached, 1.0):
            least = f"-{largest:g}" if self.signed else "0"
            raise InputError(
                f"encoding 'bernoulli': gain*|x| reaches {shown_above(reached, 1.0)}, which is not "
                f"a probability; clip the data, x.clip({least}, {largest:g}), scale them, or lower "
                "the gain"
            )
        if not self.signed and low < 0:
            x, low = x.clip(0.0), 0.0
        flat = x.reshape(len(x), math.prod(x.shape[1:]))
        return Chances.of(flat, self.gain), bool(low < 0)

    def _key(self, stream: int) -> np.uint64:
        return key_of(self.seed, "encoding", str(stream))
