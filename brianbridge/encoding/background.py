"""Background: random spikes at rates of the network, as of `PoissonGroup` and `PoissonInput`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.counters import key_of, uniforms_of_steps
from brianbridge.distributions import binomial_numbers, normals
from brianbridge.encoding.base import EncodedInput, Encoding
from brianbridge.encoding.blocks import joined, spans, steps_of_block
from brianbridge.encoding.draws import Chances
from brianbridge.encoding.limits import exceeds
from brianbridge.errors import InputError
from brianbridge.readable import counted

__all__ = ["Background"]


@dataclass(frozen=True)
class Background(Encoding):
    """Draw spikes at given rates; the values of the samples have no effect.

    In each step a neuron stands for `inputs` independent sources, each of which fires with
    probability ``rate*dt``. Its spike counts as many times as sources fired. So one source is a
    neuron of Brian2's `PoissonGroup`, and several are a `PoissonInput`. As Brian2 does, this draws
    from a normal distribution where more than 5 sources are expected to fire and more than 5 are
    not. The numbers depend on `seed`, `number`, the sample and the stream alone.

    Parameters
    ----------
    size : int
        Number of input neurons.
    rates : sequence of sequence of float, shape (times, size) or (times, 1)
        Rates in Hz, in force one after another.
    since : sequence of int, shape (times,)
        The step from which each row of `rates` is in force; the first is 0.
    inputs : int
        Number of independent sources of each neuron.
    seed : int
        Seed of the random numbers.
    number : int
        Number of this background within its network: two with the same seed differ.

    Examples
    --------
    >>> noise = Background(steps=1000, dt="1 ms", size=2, rates=((0.0, 100.0),))
    >>> counts = noise.encode(np.zeros((1, 0)), np.arange(1)).raster.sum(axis=(0, 1))
    >>> counts[0], 70 < counts[1] < 130
    (np.int64(0), np.True_)
    """

    kind: ClassVar[str] = "background"

    size: int = 1
    rates: Sequence[Sequence[float]] = ((0.0,),)
    since: Sequence[int] = (0,)
    inputs: int = 1
    seed: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("size", 1), ("inputs", 1), ("seed", 0), ("number", 0)):
            object.__setattr__(self, name, self._whole(name, at_least=least))
        try:
            rates, since = np.asarray(self.rates, float), np.asarray(self.since, np.int64)
        except (TypeError, ValueError, OverflowError):
            raise InputError(
                "encoding 'background': rates are no table of numbers; give one row for each time"
            ) from None
        if since.ndim != 1 or rates.ndim != 2:
            raise InputError(
                "encoding 'background': give rates as a table, a row for each time, and since as a "
                "list of steps"
            )
        if rates.shape[1] not in (1, self.size) or len(rates) != len(since):
            raise InputError(
                f"encoding 'background': rates have shape {rates.shape}; give ({len(since)}, "
                f"{self.size}), a row for each time in 'since'"
            )
        if not (np.isfinite(rates).all() and rates.min() >= 0):
            raise InputError(
                f"encoding 'background': rates range from {rates.min():g} to {rates.max():g} Hz; "
                "give finite rates of at least 0"
            )
        if since[0] != 0 or np.any(np.diff(since) < 1):
            raise InputError(
                f"encoding 'background': since = {since.tolist()!s:.80}; give increasing steps, "
                "the first of them 0"
            )
        if self.inputs > 1 and exceeds(rates.max() * self.dt, 1.0):
            raise InputError(
                f"encoding 'background': a rate of {rates.max():g} Hz is more than one spike per "
                f"step of {self.dt * 1e3:g} ms; give more inputs of a lower rate"
            )
        object.__setattr__(self, "rates", tuple(map(tuple, rates.tolist())))
        object.__setattr__(self, "since", tuple(since.tolist()))

    def __repr__(self) -> str:
        each = f", {self.inputs} sources each" if self.inputs > 1 else ""
        largest = max(map(max, self.rates))
        return (
            f"Background({counted(self.size, 'neuron')}{each}, at most {largest:g} Hz, "
            f"seed {self.seed})"
        )

    def shape_of_input(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """Return ``(size,)``; see `Encoding.shape_of_input`."""
        return (self.size,)

    def probabilities(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return the probability of a source to fire, by step and neuron.

        Parameters
        ----------
        first, last : int
            The steps; `last` is exclusive, and the end of the presentation if not given.

        Returns
        -------
        numpy.ndarray, shape (last - first, size)
        """
        steps = np.arange(first, self.steps if last is None else last)
        row = np.searchsorted(np.asarray(self.since), steps, side="right") - 1
        return np.broadcast_to(self._of_rows()[row], (len(steps), self.size))

    def _of_rows(self) -> np.ndarray:
        return np.minimum(np.asarray(self.rates) * self.dt, 1.0)

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster of numbers of spikes; see `Encoding.encode`."""
        block = steps_of_block(len(index) * self.size)
        return joined(self.blocks(x, index, block, stream), self.steps)

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Yield rasters of numbers of spikes; see `Encoding.blocks`."""
        key = key_of(self.seed, "background", str(stream), str(self.number))
        numbers = np.asarray(index, np.int64)
        if self.inputs > 1:
            yield from self._counts(key, numbers, block)
            return
        of_rows = self._of_rows()
        chances = Chances.of(np.broadcast_to(of_rows, (len(of_rows), self.size)))
        since = np.asarray(self.since)
        for first, last in spans(self.steps, block):
            inside = since[(since > first) & (since < last)].tolist()
            ends = [first, *inside, last]
            rows = np.searchsorted(since, ends[:-1], side="right") - 1
            parts = [
                chances.raster(key, numbers, np.full(len(numbers), row), low, high)
                for row, low, high in zip(rows, ends[:-1], ends[1:], strict=True)
            ]
            yield EncodedInput(raster=parts[0] if len(parts) == 1 else np.concatenate(parts))

    def _counts(self, key: np.uint64, numbers: np.ndarray, block: int) -> Iterator[EncodedInput]:
        """Yield rasters of how many of several sources fire."""
        inputs = self.inputs
        normal = bool(self._is_normal(self._of_rows()).any())
        kind = np.int8 if inputs <= np.iinfo(np.int8).max and not normal else np.float64
        for first, last in spans(self.steps, block):
            shape = last - first, len(numbers), self.size
            uniform = uniforms_of_steps(key, numbers, first, last, self.size)
            probability = np.broadcast_to(self.probabilities(first, last)[:, None], shape).ravel()
            smooth = self._is_normal(probability)
            drawn = binomial_numbers(uniform.ravel(), inputs, np.where(smooth, 0.0, probability))
            if normal:
                mean = inputs * probability
                around = normals(uniform.ravel()) * np.sqrt(mean * (1 - probability))
                drawn = np.where(smooth, mean + around, drawn)
            yield EncodedInput(raster=drawn.reshape(shape).astype(kind))

    def _is_normal(self, probability: np.ndarray) -> np.ndarray:
        """Return where Brian2 replaces the binomial distribution by a normal one."""
        return (self.inputs * probability > 5) & (self.inputs * (1 - probability) > 5)
