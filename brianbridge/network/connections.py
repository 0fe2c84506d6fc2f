"""How the neurons of one population reach those of another: the structure of a projection.

A connection is plain data and holds no weights. It says which weights fit (`Connection.check`),
and which synapse each stands for (`Connection.synapses`, used by the reference path, which has
one Brian2 synapse for each). The torch twin and the batched path have fast ways of their own to
apply the same weights; tests hold all three together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from brianbridge.errors import InputError, did_you_mean

__all__ = [
    "AllToAll",
    "Connection",
    "OneToOne",
    "Sparse",
    "SynapseTable",
    "connection_from_dict",
    "connection_kinds",
]


class SynapseTable(NamedTuple):
    """List synapses as flat arrays, ordered by source, then by target."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray


_KINDS: dict[str, type[Connection]] = {}


@dataclass(frozen=True)
class Connection(ABC):
    """Say which neurons are connected; see the derived classes."""

    kind: ClassVar[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "kind" in cls.__dict__:
            _KINDS[cls.kind] = cls

    @abstractmethod
    def weight_shape(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...], what: str
    ) -> tuple[int, ...]:
        """Return the shape that the weight must have between populations of these shapes.

        Raises
        ------
        InputError
            If no weight fits these populations.
        """

    def bias_shape(self, target: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that a bias must have: one value a neuron, unless told otherwise."""
        return (int(np.prod(target)),)

    def bias_of_neurons(self, bias: np.ndarray, target: tuple[int, ...]) -> np.ndarray:
        """Return the bias of every neuron of the target, flat, float64."""
        return bias.astype(np.float64)

    @abstractmethod
    def synapses(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]
    ) -> SynapseTable:
        """Return every single synapse."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the fields that are arrays; a file keeps them beside the weights."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Return all other fields, with ``kind``, for JSON."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in self.arrays()}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}
        return {"kind": self.kind, **plain}


def connection_kinds() -> Mapping[str, type[Connection]]:
    """Return the kinds of connection there are."""
    return dict(_KINDS)


def connection_from_dict(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Connection:
    """Rebuild a connection from the outcome of `Connection.to_dict` and its arrays."""
    options = dict(entry)
    kind = options.pop("kind", "")
    if kind not in _KINDS:
        raise InputError(f"there is no connection '{kind}'. {did_you_mean(str(kind), _KINDS)}")
    return _KINDS[kind](**options, **arrays)


@dataclass(frozen=True)
class AllToAll(Connection):
    """Connect every neuron with every other; the weight has shape ``(out, in)``."""

    kind: ClassVar[str] = "all_to_all"

    def weight_shape(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...], what: str
    ) -> tuple[int, ...]:
        """Return ``(out, in)``."""
        return int(np.prod(target)), int(np.prod(source))

    def synapses(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]
    ) -> SynapseTable:
        """Return every single synapse."""
        outputs, inputs = weight.shape
        return SynapseTable(
            np.repeat(np.arange(inputs), outputs),
            np.tile(np.arange(outputs), inputs),
            weight.T.astype(np.float64).ravel(),
        )


@dataclass(frozen=True)
class OneToOne(Connection):
    """Connect each neuron with the one at its place; one weight for all, or one for each."""

    kind: ClassVar[str] = "one_to_one"

    def weight_shape(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...], what: str
    ) -> tuple[int, ...]:
        """Return ``(1,)`` or ``(n,)``."""
        size = int(np.prod(target))
        if int(np.prod(source)) != size:
            raise InputError(
                f"{what}: one to one from {source} to {target}; the populations need the same size"
            )
        return (1,) if weight.shape == (1,) else (size,)

    def synapses(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]
    ) -> SynapseTable:
        """Return every single synapse."""
        every = np.arange(int(np.prod(target)))
        return SynapseTable(every, every, np.resize(weight.astype(np.float64), every.size))


@dataclass(frozen=True, eq=False)
class Sparse(Connection):
    """Connect the listed pairs of neurons; the weight has one value a synapse.

    Parameters
    ----------
    source, target : numpy.ndarray of int, shape (synapses,)
        Flat indices of the connected neurons, in any order; a pair may be there twice.
    delays : numpy.ndarray, shape (synapses,), optional
        A delay for each synapse, in seconds, on top of the projection's. Only the reference
        path follows them.

    Examples
    --------
    >>> Sparse([1, 0], [0, 2]).synapses(np.array([0.5, 1.5]), (2,), (3,)).source
    array([0, 1])
    """

    kind: ClassVar[str] = "sparse"

    source: np.ndarray
    target: np.ndarray
    delays: np.ndarray | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            values = np.asarray(getattr(self, name))
            if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
                raise InputError(f"sparse connection: {name} is no flat list of neuron numbers")
            object.__setattr__(self, name, values.astype(np.int64))
        if self.source.shape != self.target.shape:
            raise InputError(
                f"sparse connection: {self.source.size} sources for {self.target.size} targets"
            )
        if self.delays is not None:
            delays = np.asarray(self.delays, dtype=np.float64)
            if delays.shape != self.source.shape or not (np.isfinite(delays) & (delays >= 0)).all():
                raise InputError("sparse connection: give each synapse one delay of at least 0 s")
            object.__setattr__(self, "delays", delays)

    @property
    def order(self) -> np.ndarray:
        """The synapses' order by source, then by target, shape (synapses,)."""
        return np.lexsort((self.target, self.source))

    def weight_shape(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...], what: str
    ) -> tuple[int, ...]:
        """Return ``(synapses,)``."""
        ends = (("source", self.source, source), ("target", self.target, target))
        for name, found, shape in ends:
            size = int(np.prod(shape))
            bad = found[(found < 0) | (found >= size)]
            if bad.size:
                raise InputError(
                    f"{what}: {name} neuron {bad[0]} is not between 0 and {size - 1}, the numbers "
                    "of the population's neurons"
                )
        return self.source.shape

    def synapses(
        self, weight: np.ndarray, source: tuple[int, ...], target: tuple[int, ...]
    ) -> SynapseTable:
        """Return every single synapse."""
        order = self.order
        return SynapseTable(
            self.source[order], self.target[order], weight[order].astype(np.float64)
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the ends of the synapses, and their delays."""
        arrays = {"source": self.source, "target": self.target, "delays": self.delays}
        return {name: values for name, values in arrays.items() if values is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return ``kind`` alone, for JSON; the rest are arrays."""
        return {"kind": self.kind}
