"""Frames: a sample that is already a sequence of frames, one for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.errors import InputError

__all__ = ["Frames"]


@dataclass(frozen=True)
class Frames(Encoding):
    """Deliver frame t of a sample in step t, as spikes with the values of the frame.

    Samples have the shape ``(steps, *shape)``, and the input population has the shape ``shape``. A
    pixel with the value 3, such as three events of a camera, fires one spike that counts three
    times. A pixel with the value 0 does not fire.

    Examples
    --------
    >>> x = np.array([[[0, 2], [1, 0], [0, 0]]])  # one sample, three frames of two pixels
    >>> Frames(steps=3).encode(x, np.arange(1)).raster[:, 0]
    array([[0, 2],
           [1, 0],
           [0, 0]], dtype=int8)
    """

    kind: ClassVar[str] = "frames"
    draws: ClassVar[bool] = False

    def shape_of_input(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of one frame; see `Encoding.shape_of_input`."""
        shape = tuple(sample_shape)
        if len(shape) < 2 or shape[0] != self.steps:
            raise InputError(
                f"encoding 'frames': samples of shape {shape} do not begin with steps = "
                f"{self.steps}, one frame per step; make as many frames as there are steps"
            )
        return shape[1:]

    def shape_of_samples(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of all frames of a sample; see `Encoding.shape_of_samples`."""
        return (self.steps, *input_shape)

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster of the values, as int8 if possible; see `Encoding.encode`."""
        x = self._samples(x, index)
        self.shape_of_input(x.shape[1:])
        small = bool(((x == np.rint(x)) & (np.abs(x) <= np.iinfo(np.int8).max)).all())
        kind = np.int8 if small else np.float64
        # Contiguous by step, as it is read.
        return EncodedInput(raster=np.ascontiguousarray(np.moveaxis(x, 1, 0).astype(kind)))
