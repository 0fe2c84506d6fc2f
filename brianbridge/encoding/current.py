"""Constant current: the sample itself, injected in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding

__all__ = ["Current"]


@dataclass(frozen=True)
class Current(Encoding):
    """Inject each sample as a constant current; the first population turns it into spikes.

    The input of one step is the sample, weighted by the first projection. Over T steps it adds up
    to T times the weighted sample (Wu et al. 2019, and the code of its successor,
    *tandem_learning*).

    Examples
    --------
    >>> Current(steps=4).encode(np.ones((2, 3)), np.arange(2)).current.shape
    (2, 3)
    """

    kind: ClassVar[str] = "current"
    draws: ClassVar[bool] = False

    @property
    def is_current(self) -> bool:
        """Whether the input is a constant current: True."""
        return True

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return the samples as float64; see `Encoding.encode`."""
        return EncodedInput(current=self._samples(x, index))
