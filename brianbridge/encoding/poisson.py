"""Poisson coding: spikes at a rate that is proportional to the intensity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding, StepEvents
from brianbridge.encoding.bernoulli import Bernoulli
from brianbridge.encoding.limits import ROUNDING, exceeds, shown_above
from brianbridge.errors import InputError
from brianbridge.neurons.quantities import parse_quantity, unit_of

__all__ = ["Poisson"]


@dataclass(frozen=True)
class Poisson(Encoding):
    """Let an input of intensity `x` fire at the rate ``x*rate``.

    In each step an input fires with probability ``x*rate*dt``, as in Brian2's `PoissonGroup`. (The
    probability of a Poisson process is slightly lower, because two spikes in a step count as one.)
    The raster is drawn once, so that the twin and Brian2 get the same spikes. Brian2 can also draw
    its own spikes, at its own step (``simulate(..., poisson=True)``); then only the statistics
    agree.

    Parameters
    ----------
    rate : Quantity, str or float
        Rate at intensity 1 (Hz if a plain number).
    seed : int
        Seed of the random numbers, which also depend on the sample and the stream.

    Examples
    --------
    >>> encoding = Poisson(steps=1000, dt="1 ms", rate="100 Hz")
    >>> raster = encoding.encode(np.array([[0.5]]), np.arange(1)).raster
    >>> 30 < raster.sum() < 75
    np.True_
    """

    kind: ClassVar[str] = "poisson"

    rate: Any = field(default=100.0, metadata={"unit": "hertz"})
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "seed", self._whole("seed", at_least=0))
        rate = self.rate
        if not isinstance(rate, int | float):
            quantity = parse_quantity(rate, "encoding 'poisson', rate")
            if np.ndim(quantity) or unit_of(quantity) != "hertz":
                raise InputError(
                    f"encoding 'poisson': rate = {rate!s:.80} is not a rate; write '100 Hz'"
                )
            rate = float(quantity)
        if isinstance(rate, bool) or not 0 < rate < np.inf:
            raise InputError(f"encoding 'poisson': rate = {rate} Hz is not above 0; write '100 Hz'")
        object.__setattr__(self, "rate", float(rate))

    @property
    def description(self) -> str:
        """The kind of input, with the rate at intensity 1; see `Encoding.description`."""
        return f"poisson (up to {self.rate:g} Hz)"

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster of 0 and 1; see `Encoding.encode`."""
        return self._drawn(x, index).encode(x, index, stream)

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Yield rasters of 0 and 1; see `Encoding.blocks`."""
        return self._drawn(x, index).blocks(x, index, block, stream)

    def events(
        self, x: np.ndarray, index: np.ndarray, stream: int = 0
    ) -> Iterator[StepEvents] | None:
        """List the spikes; see `Encoding.events`."""
        return self._drawn(x, index).events(x, index, stream)

    def _drawn(self, x: np.ndarray, index: np.ndarray) -> Bernoulli:
        self.rates(x, index, self.dt)
        return Bernoulli(self.steps, self.dt, gain=self.rate * self.dt, seed=self.seed)

    def rates(self, x: np.ndarray, index: np.ndarray, dt: float) -> np.ndarray:
        """Return the rate of each input, in Hz, ``(samples, *shape)``.

        Parameters
        ----------
        x, index : numpy.ndarray
            As in `encode`.
        dt : float
            The step, in seconds, in which an input may fire at most once.

        Raises
        ------
        InputError
            If a sample has a negative value, or a rate is above one spike in a step.
        """
        rates = self._samples(x, index) * self.rate
        low, high = rates.min(initial=0.0), rates.max(initial=0.0)
        if low < -ROUNDING * self.rate or exceeds(high * dt, 1.0):
            largest = min(1.0, 1 / (self.rate * dt))
            raise InputError(
                f"encoding 'poisson': rates range from {low:g} to {shown_above(high, 1 / dt)} Hz, "
                f"but must lie between 0 and {1 / dt:g} Hz, one spike per step; clip the data, "
                f"x.clip(0, {largest:g}), scale them, or lower the rate"
            )
        return rates.clip(0.0) if low < 0 else rates
