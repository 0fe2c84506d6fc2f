"""Latency coding: a stronger input fires its only spike earlier."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.encoding.limits import ROUNDING, exceeds, shown_above
from brianbridge.errors import InputError

__all__ = ["Latency"]


@dataclass(frozen=True)
class Latency(Encoding):
    """Fire once, at step ``round((1 - x)*(steps - 1))`` for an intensity `x` in [0, 1].

    Parameters
    ----------
    silent : float
        Largest intensity that never fires. With the default 0 an empty background is silent; with
        -1 it fires in the last step, as in the code of S4NN.

    Examples
    --------
    >>> raster = Latency(steps=5).encode(np.array([[1.0, 0.5, 0.0]]), np.arange(1)).raster
    >>> raster[:, 0].argmax(axis=0), raster.sum(axis=(0, 1))
    (array([0, 2, 0]), array([1, 1, 0]))
    """

    kind: ClassVar[str] = "latency"
    draws: ClassVar[bool] = False

    silent: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.silent, int | float) or not math.isfinite(self.silent):
            raise InputError(f"encoding 'latency': silent = {self.silent!r:.80}; give a number")

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster with at most one spike for each input; see `Encoding.encode`."""
        x = self._samples(x, index)
        low, high = x.min(initial=0.0), x.max(initial=0.0)
        if low < -ROUNDING or exceeds(high, 1.0):
            raise InputError(
                f"encoding 'latency': the data range from {low:g} to {shown_above(high, 1.0)}; "
                "clip them, x.clip(0, 1), or scale them to [0, 1]"
            )
        x = x.clip(0.0, 1.0)
        fires = np.flatnonzero(x > self.silent)
        step = np.rint((1 - x.ravel()[fires]) * (self.steps - 1)).astype(np.int64)
        raster = np.zeros((self.steps, *x.shape), np.int8)
        raster.reshape(self.steps, -1)[step, fires] = 1
        return EncodedInput(raster=raster)
