"""Sources: an input that consists of several groups, each with an encoding of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from brianbridge.encoding.base import EncodedInput, Encoding, encoding_from_dict
from brianbridge.encoding.blocks import joined, steps_of_block
from brianbridge.errors import InputError

__all__ = ["Source", "Sources"]


@dataclass(frozen=True)
class Source:
    """Describe one group of input neurons.

    Parameters
    ----------
    name : str
        Name of the group.
    shape : tuple of int, optional
        Shape of its part of a sample. None if it takes no data, such as a background.
    encoding : Encoding
        Makes its spikes.
    """

    name: str
    shape: tuple[int, ...] | None
    encoding: Encoding

    @property
    def values(self) -> int:
        """Number of values of a sample that belong to the group."""
        return 0 if self.shape is None else math.prod(self.shape)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return math.prod(self.encoding.shape_of_input(self.shape or ()))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "shape": shape, "encoding": self.encoding.to_dict()}


@dataclass(frozen=True)
class Sources(Encoding):
    """Join the spikes of several groups to one input, group after group.

    A sample has the shape of the only group that takes data. If several do, it is flat and holds
    the values of one after another; if none does, it is a single number without effect.

    Parameters
    ----------
    parts : tuple of Source
        The groups, with the same steps. They may be given as the results of `Source.to_dict`.

    Examples
    --------
    >>> from brianbridge.encoding import Background, Frames
    >>> images = Source("images", (5, 3), Frames(5))
    >>> noise = Source("noise", None, Background(5, size=2, rates=((1000.0,),)))
    >>> both = Sources(5, parts=(images, noise))
    >>> both.shape_of_samples((5,)), both.shape_of_input((5, 3))
    ((5, 3), (5,))
    >>> both.encode(np.zeros((1, 5, 3)), np.arange(1)).raster[0, 0].tolist()
    [0, 0, 0, 1, 1]
    """

    kind: ClassVar[str] = "sources"

    parts: Any = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.parts, Sequence) or not self.parts:
            raise InputError("encoding 'sources': there are no parts; give at least one")
        parts = tuple(_source(part) for part in self.parts)
        names = [part.name for part in parts]
        for part in parts:
            what, encoding = f"encoding 'sources', part '{part.name}'", part.encoding
            if names.count(part.name) > 1:
                raise InputError(f"{what}: there are several parts of this name; rename one")
            if encoding.is_current or isinstance(encoding, Sources):
                raise InputError(f"{what}: encoding '{encoding.kind}' makes no spikes of one group")
            if (encoding.steps, encoding.dt) != (self.steps, self.dt):
                raise InputError(
                    f"{what} has {encoding.steps} steps of {encoding.dt * 1e3:g} ms, but the whole "
                    f"has {self.steps} of {self.dt * 1e3:g} ms; give both the same"
                )
        object.__setattr__(self, "parts", parts)

    def __repr__(self) -> str:
        return f"Sources({', '.join(f'{part.name}: {part.encoding!r}' for part in self.parts)})"

    @property
    def with_data(self) -> tuple[Source, ...]:
        """The groups that take data."""
        return tuple(part for part in self.parts if part.shape is not None)

    @property
    def description(self) -> str:
        """The names of the groups and their kinds; see `Encoding.description`."""
        each = ((p.name, p.encoding.description.rstrip(")")) for p in self.parts)
        return " and ".join(f"{name} ({kind.replace(' (', ', ')})" for name, kind in each)

    def shape_of_samples(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a sample; see `Encoding.shape_of_samples`."""
        given = self.with_data
        if len(given) == 1:
            return given[0].shape or (1,)
        return (max(1, sum(part.values for part in given)),)

    def shape_of_input(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """Return ``(neurons,)``, of all groups; see `Encoding.shape_of_input`."""
        wanted = self.shape_of_samples(())
        if tuple(sample_shape) != wanted:
            raise InputError(
                f"encoding 'sources': samples have shape {tuple(sample_shape)}; give {wanted}"
            )
        return (sum(part.neurons for part in self.parts),)

    def encode(self, x: np.ndarray, index: np.ndarray, stream: int = 0) -> EncodedInput:
        """Return a raster of all groups; see `Encoding.encode`."""
        neurons = sum(part.neurons for part in self.parts)
        block = steps_of_block(len(index) * neurons)
        return joined(self.blocks(x, index, block, stream), self.steps)

    @property
    def by_blocks(self) -> bool:
        """Whether this holds for all groups; see `Encoding.by_blocks`."""
        return all(part.encoding.by_blocks for part in self.parts)

    def blocks(
        self, x: np.ndarray, index: np.ndarray, block: int, stream: int = 0
    ) -> Iterator[EncodedInput]:
        """Yield rasters of all groups; see `Encoding.blocks`."""
        flat, low, each = self._samples(x, index).reshape(len(index), -1), 0, []
        for part in self.parts:
            values = flat[:, low : low + part.values].reshape(len(index), *(part.shape or (0,)))
            each.append(part.encoding.blocks(values, index, block, stream))
            low += part.values
        for parts in zip(*each, strict=True):
            rasters = []
            for one in parts:
                assert one.raster is not None
                rasters.append(one.raster.reshape(*one.raster.shape[:2], -1))
            yield EncodedInput(raster=np.concatenate(rasters, axis=2))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, with ``kind``, for JSON."""
        parts = [part.to_dict() for part in self.parts]
        return {"kind": self.kind, "steps": self.steps, "dt": self.dt, "parts": parts}


def _source(part: Any) -> Source:
    """Return a source, or build it from the result of `Source.to_dict`."""
    if isinstance(part, Source):
        return part
    if not isinstance(part, Mapping) or set(part) != {"name", "shape", "encoding"}:
        raise InputError("encoding 'sources': a part has not just 'name', 'shape' and 'encoding'")
    name, shape, encoding = part["name"], part["shape"], part["encoding"]
    if not isinstance(name, str) or not isinstance(encoding, Mapping):
        raise InputError("encoding 'sources': a part has no name or no table 'encoding'; give both")
    whole = shape is None or (
        isinstance(shape, Sequence) and all(type(size) is int and size > 0 for size in shape)
    )
    if not whole:
        raise InputError(
            f"encoding 'sources', part '{name:.80}': shape = {shape!r:.80}; give whole numbers "
            "above 0"
        )
    return Source(name, None if shape is None else tuple(shape), encoding_from_dict(dict(encoding)))
