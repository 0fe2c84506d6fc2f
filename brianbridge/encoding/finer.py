"""A finer step: the input of another encoding, in several steps for each of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.encoding.moments import Timing, draw_fine_steps
from brianbridge.encoding.of_another import OfAnother, inner_encoding
from brianbridge.errors import InputError, did_you_mean

__all__ = ["Finer"]


@dataclass(frozen=True)
class Finer(OfAnother, Encoding):
    """Present the input of another encoding at a finer step.

    A current stays the same. The weights of a current and the biases still belong to a step of the
    other encoding (`Encoding.unit_step`), so that neurons receive the same current. Each spike
    falls on one step of those that its step is divided into.

    Parameters
    ----------
    encoding : Encoding
        The other encoding, which sets the length of a presentation.
    divisor : int
        Number of steps in one step of the other encoding.
    timing : {"start", "uniform"}
        Where the spikes of a step fall: on the first of its finer steps, or on any of them, drawn
        with equal probability.
    seed : int
        Seed of the draws of ``"uniform"``: `brianbridge.simulate` with the same seed at the finer
        step draws the same.

    Examples
    --------
    >>> from brianbridge.encoding import Latency
    >>> finer = Finer(encoding=Latency(steps=4), divisor=10)
    >>> finer.steps, finer.encode(np.ones((1, 3)), np.arange(1)).raster.shape
    (40, (40, 1, 3))
    """

    kind: ClassVar[str] = "finer"

    steps: int = 1
    encoding: Any = None
    divisor: int = 10
    timing: Timing = "start"
    seed: int = 0

    def __post_init__(self) -> None:
        coarse = inner_encoding(self.encoding, self.kind, ("finer",))
        if self.timing not in ("start", "uniform"):
            hint = did_you_mean(str(self.timing), ("start", "uniform"))
            raise InputError(f"encoding 'finer': there is no timing '{self.timing}'. {hint}")
        divisor = self._whole("divisor", at_least=1)
        for name, value in (
            ("encoding", coarse), ("divisor", divisor), ("steps", coarse.steps * divisor),
            ("dt", coarse.dt / divisor),
        ):  # fmt: skip
            object.__setattr__(self, name, value)
        super().__post_init__()

    @property
    def is_current(self) -> bool:
        """Whether the other encoding gives a current."""
        return bool(self.encoding.is_current)

    @property
    def unit_step(self) -> float:
        """The step of the other encoding."""
        return float(self.encoding.unit_step)

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return the other encoding's current, or its raster at the finer step."""
        coarse: EncodedInput = self.encoding.encode(x, index, stream)
        return self.refined(coarse, index, stream)

    def refined(self, coarse: EncodedInput, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return encoded input of the other encoding at the finer step.

        Parameters
        ----------
        coarse : EncodedInput
            A current, or a raster ``(steps, samples, *shape)``.
        index : numpy.ndarray of int, shape (samples,)
            Number of each sample in its data set.
        stream : int
            As in `encode`.
        """
        if coarse.raster is None:
            return coarse
        raster = np.asarray(coarse.raster)
        steps, *shape = raster.shape
        fine = np.zeros((steps, self.divisor, *shape), raster.dtype)
        if self.timing == "start":
            fine[:, 0] = raster
        else:
            moments = draw_fine_steps(coarse, index, self.divisor, self.seed + stream)
            np.put_along_axis(fine, moments[:, None], raster[:, None], axis=1)
        return EncodedInput(raster=fine.reshape(steps * self.divisor, *shape))

    def to_dict(self) -> dict[str, Any]:
        """Return the options, for JSON."""
        return {
            "kind": self.kind, "steps": self.steps, "dt": self.dt,
            "encoding": self.encoding.to_dict(), "divisor": self.divisor,
            "timing": self.timing, "seed": self.seed,
        }  # fmt: skip
