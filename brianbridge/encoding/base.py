"""The base class of encodings, which turn a sample into input over T steps.

An encoded batch is either a constant ``current`` for the whole presentation or a ``raster`` of
input spikes, as a NumPy array. Random spikes depend only on the number of the sample and on the
seed, so that the twin and Brian2 get the same input for every batch size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.plain_seconds import warn_of_seconds
from brianbridge.neurons.quantities import checked_step
from brianbridge.neurons.quantity_text import parse_quantity, quantity_text
from brianbridge.registry import Registry

__all__ = [
    "ENCODINGS",
    "EncodedInput",
    "Encoding",
    "StepEvents",
    "encoding_from_dict",
    "encoding_names",
]


@dataclass(frozen=True)
class EncodedInput:
    """Hold the input of a batch of samples, either a current or a raster.

    An encoding makes arrays; a twin also takes tensors, through which gradients flow.

    Parameters
    ----------
    current : numpy.ndarray of float64, shape (samples, *shape), optional
        Input that stays the same in every step.
    raster : numpy.ndarray, shape (steps, samples, *shape), optional
        Spike values of the input population, in a type that can hold them (mostly int8).
    """

    current: Any = None
    raster: Any = None

    @property
    def samples(self) -> int:
        """Number of samples in the batch."""
        return int(self.raster.shape[1] if self.current is None else len(self.current))

    def part(self, low: int, high: int) -> EncodedInput:
        """Return samples `low` to ``high - 1``."""
        current, raster = self.current, self.raster
        return EncodedInput(
            None if current is None else current[low:high],
            None if raster is None else raster[:, low:high],
        )


#: Where the spikes of each sample begin, int64 ``(samples + 1,)``, and the neuron of each spike,
#: int32 ``(spikes,)``, ascending within a sample.
StepEvents = tuple[np.ndarray, np.ndarray]
#: Brian2 counts so many steps exactly.
_MOST_STEPS = 10_000_000
ENCODINGS: Registry[type[Encoding]] = Registry(
    "encoding", "brianbridge.encodings", "brianbridge.encoding"
)


@dataclass(frozen=True)
class Encoding(ABC):
    """Turn samples into input over ``steps`` steps of length ``dt``.

    Parameters
    ----------
    steps : int
        Steps of one presentation, T.
    dt : Quantity, str or float
        Length of a step of the twin (seconds if a plain number, which warns from 0.1 on).
    """

    kind: ClassVar[str]
    #: Whether the encoding draws random numbers, so that `stream` matters.
    draws: ClassVar[bool] = True

    steps: int
    dt: Any = field(default=1e-3, metadata={"unit": "second"})

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Encoding.__repr__  # type: ignore[method-assign]  # or dataclass writes one
        ENCODINGS.add(cls.kind, cls)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", self._whole("steps", at_least=1))
        if self.steps > _MOST_STEPS:
            raise InputError(
                f"encoding '{self.kind}': steps = {self.steps}; give at most {_MOST_STEPS}"
            )
        self._warn_of_long_step()
        object.__setattr__(self, "dt", checked_step(self.dt, f"encoding '{self.kind}', dt"))

    def _warn_of_long_step(self) -> None:
        warn_of_seconds(self.dt, f"encoding '{self.kind}', dt", made=self)

    def _whole(self, name: str, at_least: int) -> int:
        """Return an option as an integer; refuse one that is not a whole number."""
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
            raise InputError(
                f"encoding '{self.kind}': {name} = {value!r}; give a whole number of at least "
                f"{at_least}"
            )
        return int(value)

    def _samples(self, x: Any, index: Any) -> np.ndarray:
        """Return the samples as float64; each must be finite and have an index."""
        try:
            samples = np.asarray(x, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"encoding '{self.kind}': the data are not numbers ({error}); give an array of them"
            ) from None
        if len(samples) != len(index):
            raise InputError(
                f"encoding '{self.kind}': {len(index)} sample numbers for {len(samples)} samples; "
                "give one for each"
            )
        if not np.isfinite(samples).all():
            bad = np.argwhere(~np.isfinite(samples))[0].tolist()
            raise InputError(
                f"encoding '{self.kind}': the value at {bad} is not finite; remove or replace it"
            )
        return samples

    @property
    def is_current(self) -> bool:
        """Whether the input is a constant current; otherwise it is spikes."""
        return False

    @property
    def unit_step(self) -> float:
        """The step in which currents and biases are counted, in seconds: `dt`, if not finer."""
        return float(self.dt)

    def shape_of_input(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the input population: mostly the shape of a sample.

        Raises
        ------
        InputError
            If samples of this shape cannot be encoded.

        Examples
        --------
        >>> from brianbridge.encoding import Frames, Latency
        >>> Latency(10).shape_of_input((10, 2, 34, 34)), Frames(10).shape_of_input((10, 2, 34, 34))
        ((10, 2, 34, 34), (2, 34, 34))
        """
        return tuple(sample_shape)

    def shape_of_samples(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a sample that becomes an input of this shape.

        Examples
        --------
        >>> from brianbridge.encoding import Frames, Latency
        >>> Latency(10).shape_of_samples((64,)), Frames(10).shape_of_samples((64,))
        ((64,), (10, 64))
        """
        return tuple(input_shape)

    @property
    def description(self) -> str:
        """What kind of input this is, in a few words that 'input' may follow."""
        return self.kind

    @abstractmethod
    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Encode a batch.

        Parameters
        ----------
        x : numpy.ndarray, shape (samples, *shape)
            The samples.
        index : numpy.ndarray of int, shape (samples,)
            Number of each sample in its dataset, which seeds its random numbers.
        stream : int
            Each stream gives different random numbers: one for each epoch of training, 0 for tests.
        """

    @property
    def by_blocks(self) -> bool:
        """Whether `blocks` takes memory for one block only."""
        return type(self).blocks is not Encoding.blocks

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Encode a batch block by block; a current is one block.

        An encoding that can compute a block by itself overrides this, and takes memory for one
        block instead of a whole presentation.

        Parameters
        ----------
        x, index, stream
            As in `encode`.
        block : int
            Number of steps of a block; the last one may be shorter.

        Examples
        --------
        >>> from brianbridge.encoding import Latency
        >>> x = np.array([[1.0, 0.5]])
        >>> [len(part.raster) for part in Latency(5).blocks(x, np.arange(1), 2)]
        [2, 2, 1]
        """
        whole = self.encode(x, index, stream)
        if whole.raster is None:
            yield whole
            return
        for first in range(0, self.steps, block):
            yield EncodedInput(raster=whole.raster[first : first + block])

    def events(
        self, x: np.ndarray, index: np.ndarray, stream: int = 0
    ) -> Iterator[StepEvents] | None:
        """List the spikes of `encode`, all of value 1, step by step.

        Returns
        -------
        iterator of StepEvents, or None
            None if there is no way but to look for them in a raster.

        Examples
        --------
        >>> from brianbridge.encoding import Bernoulli
        >>> start, node = next(Bernoulli(5).events(np.array([[1.0, 0.0, 1.0]]), np.arange(1)))
        >>> start.tolist(), node.tolist()
        ([0, 2], [0, 2])
        """
        return None

    def __repr__(self) -> str:
        options = []
        for entry in fields(self):
            value, unit = getattr(self, entry.name), entry.metadata.get("unit")
            text = f"{value!r}"
            if unit:
                text = quantity_text(parse_quantity(f"{value!r} {unit}", entry.name))
            options.append(f"{entry.name}={text}")
        return f"{type(self).__name__}({', '.join(options)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, with ``kind``, for JSON."""
        return {"kind": self.kind, **asdict(self)}


def encoding_names() -> tuple[str, ...]:
    """Return the names of all encodings."""
    return ENCODINGS.names()


def encoding_from_dict(entry: dict[str, Any]) -> Encoding:
    """Build an encoding from its fields and ``kind``.

    Raises
    ------
    InputError
        If there is no such kind, or it has no such field.

    Examples
    --------
    >>> encoding_from_dict({"kind": "current", "steps": 10, "dt": "1 ms"})
    Current(steps=10, dt=1 ms)
    """
    fields = dict(entry)
    kind = fields.pop("kind", "current")
    return ENCODINGS.make(kind, fields)
