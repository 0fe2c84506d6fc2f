"""Time to arrive: the input of another encoding, and then steps without input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.encoding.of_another import OfAnother, inner_encoding
from brianbridge.errors import InputError

__all__ = ["Waiting"]


@dataclass(frozen=True)
class Waiting(OfAnother, Encoding):
    """Present the spikes of another encoding, and wait for what is still on its way.

    With delays or slow synapses, spikes reach the output after the input has ended. The output is
    read at the end of the steps that follow.

    Parameters
    ----------
    encoding : Encoding
        The other encoding, which gives spikes.
    after : int
        Number of steps without input that follow.

    Raises
    ------
    InputError
        If the other encoding gives a current, which lasts as long as the presentation.

    Examples
    --------
    >>> from brianbridge.encoding import Latency
    >>> waiting = Waiting(encoding=Latency(steps=4), after=2)
    >>> waiting.steps, waiting.encode(np.ones((1, 3)), np.arange(1)).raster.sum(axis=(1, 2))
    (6, array([3, 0, 0, 0, 0, 0]))
    """

    kind: ClassVar[str] = "waiting"

    steps: int = 1
    encoding: Any = None
    after: int = 1

    def __post_init__(self) -> None:
        inner = inner_encoding(self.encoding, self.kind, ("finer", "waiting"))
        if inner.is_current:
            raise InputError(
                f"encoding 'waiting': '{inner.kind}' gives a current, which lasts as long as the "
                "presentation; give it more steps instead"
            )
        after = self._whole("after", at_least=0)
        for name, value in (
            ("encoding", inner), ("after", after), ("steps", inner.steps + after), ("dt", inner.dt),
        ):  # fmt: skip
            object.__setattr__(self, name, value)
        super().__post_init__()

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return the other encoding's raster, and the steps that follow."""
        raster = np.asarray(self.encoding.encode(x, index, stream).raster)
        silent = np.zeros((self.after, *raster.shape[1:]), raster.dtype)
        return EncodedInput(raster=np.concatenate([raster, silent]))

    def to_dict(self) -> dict[str, Any]:
        """Return the options, for JSON."""
        return {
            "kind": self.kind, "steps": self.steps, "dt": self.dt,
            "encoding": self.encoding.to_dict(), "after": self.after,
        }  # fmt: skip
