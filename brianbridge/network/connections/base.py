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

Fields are saved in network files: numbers, strings and tuples as JSON, fields annotated as
`numpy.ndarray` as datasets. A kind may have algorithms that are faster than its list of synapses.
They are registered by `functools.singledispatch` where they are used; see
`brianbridge.network.connections`.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections.pairs import Pairs, SynapseTable
from brianbridge.registry import Registry

__all__ = ["CONNECTIONS", "Connection", "Shape", "connection_from_dict"]

Shape = tuple[int, ...]

#: All kinds of connection, by `Connection.kind`.
CONNECTIONS: Registry[type[Connection]] = Registry(
    "connection", "brianbridge.connections", "brianbridge.network.connections"
)

#: Datasets of a projection in a network file besides the arrays of its connection.
_TAKEN = ("weight", "bias")


@dataclass(frozen=True)
class Connection(ABC):
    """Say which neurons are connected; the base class of all kinds.

    A kind has a name, `kind`, and lists its synapses in `pairs`. It may also state the
    shape of its weight (`weight_shape`). The class registers itself on definition.

    Raises
    ------
    InputError
        On definition, if the class derives from another kind, whose algorithms would then be used
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
                    f"connection '{cls.__name__}' derives from '{base.__name__}', whose "
                    "algorithms would be used for it; derive it from Connection"
                )
        for name in _TAKEN:
            if name in inspect.get_annotations(cls):
                raise InputError(
                    f"connection '{cls.__name__}': a field cannot be called '{name}', because "
                    "network files use that name for another array; rename it"
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

        By default, this is a flat shape with all elements that `pairs` lists.

        Parameters
        ----------
        weight : tuple of int
            The shape that the weight has. A kernel, for instance, may have any height and width.
            It is empty for a new layer that leaves the choice to the connection.
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

        They are added to the delay of the projection.
        """
        return None

    # ------------------------------------------------------------------ what follows from it

    def synapses(self, weight: np.ndarray, source: Shape, target: Shape) -> SynapseTable:
        """Return all synapses with their weights, as float64."""
        return self.pairs(weight.shape, source, target).with_weights(weight)

    def number_of_synapses(self, weight: Shape, source: Shape, target: Shape) -> int:
        """Return the number of synapses."""
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
        what = f"{what}, connection '{self.kind}'"
        self.pairs(weight, source, target).check(
            math.prod(source), math.prod(target), math.prod(weight), what
        )

    # ------------------------------------------------------------------ files

    @classmethod
    def array_fields(cls) -> tuple[str, ...]:
        """Return the names of the fields that are arrays, which files store with the weights."""
        # Resolving the annotation would need all names of the user's module, so look at its text.
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
    """Rebuild a connection from the result of `Connection.to_dict` and its arrays.

    An array may also be in the entry, as lists of numbers.

    Raises
    ------
    InputError
        If there is no such kind, or the fields are not those of the kind.

    Examples
    --------
    >>> connection_from_dict({"kind": "one_to_one"}, {})
    OneToOne()
    """
    kind = entry.get("kind", "")
    listed = CONNECTIONS[kind].array_fields()
    options = {
        name: _array(value, f"connection '{kind}': {name}") if name in listed else _frozen(value)
        for name, value in entry.items()
        if name != "kind"
    }
    connection: Connection = CONNECTIONS.make(kind, {**options, **arrays})
    return connection


def _array(value: Any, what: str) -> np.ndarray:
    """Return lists of numbers as an array."""
    try:
        return np.asarray(value)
    except ValueError:
        raise InputError(f"{what} has lists of different lengths; give an array") from None


def _plain(value: Any) -> Any:
    """Return a value for JSON: tuples become lists, NumPy's numbers Python's."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _frozen(value: Any) -> Any:
    """Return a value with tuples in place of lists, as a frozen dataclass has them."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
