"""What a connection is, and how to define a new kind.

A connection is plain data and holds no weights. It lists the pairs of neurons that it connects,
and says which element of the projection's weight each pair has. Everything else follows from that
list: the torch twin, both simulation paths, fan-outs, the transpose, and network files.

A new kind is one frozen dataclass::

    @dataclass(frozen=True)
    class Ring(Connection):
        \"\"\"Connect each neuron with its next neighbours; one weight for each distance.\"\"\"

        kind = "ring"
        reach: int = 1

        def pairs(self, weight, source, target):
            size = math.prod(source)
            neuron, distance = np.indices((size, self.reach)).reshape(2, -1)
            return Pairs(neuron, (neuron + distance + 1) % size, distance)

Fields are saved in network files: numbers, texts and tuples as JSON, fields annotated as
`numpy.ndarray` as datasets. A kind may have faster ways than its list of synapses. They are
registered by `functools.singledispatch` where they are used: see `brianbridge.network.connections`.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from brianbridge.errors import InputError
from brianbridge.registry import Registry

__all__ = ["CONNECTIONS", "Connection", "Pairs", "SynapseTable", "connection_from_dict"]

Shape = tuple[int, ...]

#: All kinds of connection, by `Connection.kind`.
CONNECTIONS: Registry[type[Connection]] = Registry(
    "connection", "brianbridge.connections", "brianbridge.network.connections"
)

#: Datasets of a projection in a network file besides the arrays of its connection.
_TAKEN = ("weight", "bias")


class Pairs(NamedTuple):
    """List pairs of connected neurons as flat arrays of whole numbers, in any order.

    Parameters
    ----------
    source, target : numpy.ndarray of int, shape (synapses,)
        Flat indices of the neurons. A pair may occur several times.
    element : numpy.ndarray of int, shape (synapses,)
        The element of the flattened weight that each synapse has. Several synapses may share one.
    """

    source: np.ndarray
    target: np.ndarray
    element: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """The order of the synapses by source and then by target, shape (synapses,)."""
        return np.lexsort((self.target, self.source))


class SynapseTable(NamedTuple):
    """List synapses and their weights as flat arrays, ordered by source and then by target."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Connection(ABC):
    """Say which neurons are connected; the base class of all kinds.

    A kind has a name, `kind`, and lists its synapses in `pairs`. It may say which shape of weight
    it needs (`weight_shape`). The class registers itself as soon as it is defined.

    Raises
    ------
    InputError
        On definition, if the class derives from another kind, whose fast ways would then be used
        for it, or a field has a name that network files need.
    """

    #: Name of the kind, in network files and messages.
    kind: ClassVar[str]
    #: Whether the first axis of the weight counts the target's neurons, or its channels.
    by_target: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for base in cls.__mro__[1:]:
            if "kind" in base.__dict__:
                raise InputError(
                    f"connection '{cls.__name__}' derives from '{base.__name__}', whose ways to "
                    "apply weights would be used for it; derive it from Connection"
                )
        for name in _TAKEN:
            if name in inspect.get_annotations(cls):
                raise InputError(
                    f"connection '{cls.__name__}': a field cannot be called '{name}', as network "
                    "files have something else by that name; rename it"
                )
        if "kind" in cls.__dict__:
            CONNECTIONS.add(cls.kind, cls)

    # ------------------------------------------------------------------ what a kind defines

    @abstractmethod
    def pairs(self, weight: Shape, source: Shape, target: Shape) -> Pairs:
        """List all synapses.

        Parameters
        ----------
        weight : tuple of int
            Shape of the weight.
        source, target : tuple of int
            Shapes of the populations.
        """

    def weight_shape(self, weight: Shape, source: Shape, target: Shape, what: str) -> Shape:
        """Return the shape that the weight must have between populations of these shapes.

        A flat one that has all elements listed in `pairs`, unless a kind says otherwise.

        Parameters
        ----------
        weight : tuple of int
            The shape that the weight has; that of a kernel, for instance, is free.
        source, target : tuple of int
            Shapes of the populations.
        what : str
            Name of the projection, for messages.

        Raises
        ------
        InputError
            If no weight fits these populations.
        """
        element = self.pairs(weight, source, target).element
        return (int(element.max(initial=-1)) + 1,)

    def bias_shape(self, target: Shape) -> Shape:
        """Return the shape of a bias: one value for each neuron, or for each run of neurons."""
        return (math.prod(target),)

    @property
    def delays(self) -> np.ndarray | None:
        """Delays of single synapses in seconds, in the order of `pairs`; None if there are none.

        They come on top of the projection's delay. Only the reference path follows them.
        """
        return None

    # ------------------------------------------------------------------ what follows from it

    def synapses(self, weight: np.ndarray, source: Shape, target: Shape) -> SynapseTable:
        """Return all synapses with their weights, as float64."""
        pairs = self.pairs(weight.shape, source, target)
        values = weight.ravel()[pairs.element].astype(np.float64)
        table = SynapseTable(pairs.source, pairs.target, values)
        place = pairs.source * math.prod(target) + pairs.target
        if (np.diff(place) >= 0).all():
            return table
        order = pairs.order
        return SynapseTable(*(column[order] for column in table))

    def number_of_synapses(self, weight: Shape, source: Shape, target: Shape) -> int:
        """Return how many synapses there are."""
        return len(self.pairs(weight, source, target).source)

    def bias_of_neurons(self, bias: np.ndarray, target: Shape) -> np.ndarray:
        """Return the bias of every neuron of the target, flat, float64."""
        return np.repeat(bias.astype(np.float64), math.prod(target) // max(1, len(bias)))

    def check_pairs(self, weight: Shape, source: Shape, target: Shape, what: str) -> None:
        """Refuse pairs of neurons, or weights, that do not exist.

        Raises
        ------
        InputError
            If an array of `pairs` is not flat, not of whole numbers, or out of range.
        """
        pairs = self.pairs(weight, source, target)
        limits = {"source": source, "target": target, "element": weight}
        for (name, limit), values in zip(limits.items(), pairs, strict=True):
            flat = isinstance(values, np.ndarray) and values.ndim == 1
            whole = flat and (values.dtype.kind in "iu" or not values.size)
            if not whole or len(values) != len(pairs.source):
                raise InputError(
                    f"{what}: '{name}' in the pairs of connection '{self.kind}' must be a flat "
                    "array with one whole number for each synapse"
                )
            size = math.prod(limit)
            if values.size and not (values.min() >= 0 and values.max() < size):
                bad = values[(values < 0) | (values >= size)][0]
                end, of = f"{name} neuron", "population's neurons"
                if name == "element":
                    end, of = "element of the weight", "weight's elements"
                raise InputError(
                    f"{what}: {end} {bad} is not between 0 and {size - 1}, the numbers of the {of}"
                )

    # ------------------------------------------------------------------ files

    @classmethod
    def array_fields(cls) -> tuple[str, ...]:
        """Return the names of the fields that are arrays, which files keep beside the weights."""
        # By the text of the annotation: resolving it would need all names of the user's module.
        return tuple(f.name for f in fields(cls) if "ndarray" in str(f.type).lower())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names of their fields; those that are None are left out."""
        values = {name: getattr(self, name) for name in self.array_fields()}
        return {name: array for name, array in values.items() if array is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return ``kind`` and all fields that are not arrays, for JSON."""
        names = [f.name for f in fields(self) if f.name not in self.array_fields()]
        return {"kind": self.kind, **{name: _plain(getattr(self, name)) for name in names}}


def connection_from_dict(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Connection:
    """Rebuild a connection from the outcome of `Connection.to_dict` and its arrays.

    Raises
    ------
    InputError
        If there is no such kind, or the fields are not those of the kind.

    Examples
    --------
    >>> connection_from_dict({"kind": "one_to_one"}, {})
    OneToOne()
    """
    options = {name: _frozen(value) for name, value in entry.items() if name != "kind"}
    connection: Connection = CONNECTIONS.make(entry.get("kind", ""), {**options, **arrays})
    return connection


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: lists for tuples, Python's numbers for NumPy's."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _frozen(value: Any) -> Any:
    """Return a value with tuples for lists, as a frozen dataclass has them."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
