"""Replay: the same spikes in every presentation, as of a `SpikeGeneratorGroup`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.encoding.blocks import joined, spans
from brianbridge.errors import InputError
from brianbridge.readable import counted

__all__ = ["Replay"]


@dataclass(frozen=True)
class Replay(Encoding):
    """Emit the same spikes in every presentation; the values of the samples have no effect.

    Parameters
    ----------
    size : int
        Number of input neurons.
    step : sequence of int, shape (spikes,)
        The step of each spike.
    node : sequence of int, shape (spikes,)
        The neuron of each spike.

    Examples
    --------
    >>> replay = Replay(steps=3, size=2, step=(0, 2), node=(1, 0))
    >>> replay.encode(np.zeros((1, 0)), np.arange(1)).raster[:, 0].tolist()
    [[0, 1], [0, 0], [1, 0]]
    """

    kind: ClassVar[str] = "replay"
    draws: ClassVar[bool] = False

    size: int = 1
    step: Sequence[int] = ()
    node: Sequence[int] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", self._whole("size", at_least=1))
        for name, limit in (("step", self.steps), ("node", self.size)):
            values = np.asarray(getattr(self, name))
            values = values.astype(np.int64) if not values.size else values
            if values.ndim != 1 or values.dtype.kind not in "iu":
                raise InputError(f"encoding 'replay': {name} is no list of whole numbers; give one")
            if values.size and not 0 <= values.min() <= values.max() < limit:
                raise InputError(
                    f"encoding 'replay': {name} ranges from {values.min()} to {values.max()}; give "
                    f"numbers from 0 to {limit - 1}"
                )
            object.__setattr__(self, name, tuple(values.tolist()))
        if len(self.step) != len(self.node):
            raise InputError(
                f"encoding 'replay': there are {len(self.step)} steps of spikes, but "
                f"{len(self.node)} neurons; give one of each for every spike"
            )

    def __repr__(self) -> str:
        return f"Replay({counted(self.size, 'neuron')}, {counted(len(self.step), 'spike')})"

    def shape_of_input(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """Return ``(size,)``; see `Encoding.shape_of_input`."""
        return (self.size,)

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return the same raster of 0 and 1 for each sample; see `Encoding.encode`."""
        return joined(self.blocks(x, index, self.steps, stream), self.steps)

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Yield the same rasters of 0 and 1 for each sample; see `Encoding.blocks`."""
        order = np.argsort(self.step, kind="stable")
        step, node = (np.asarray(values, np.int64)[order] for values in (self.step, self.node))
        for first, last in spans(self.steps, block):
            low, high = np.searchsorted(step, (first, last))
            raster = np.zeros((last - first, len(index), self.size), np.int8)
            raster[step[low:high] - first, :, node[low:high]] = 1
            yield EncodedInput(raster=raster)
