"""The parts of a spiking network: populations and projections, as plain frozen data.

Weights are NumPy arrays laid out as torch has them; `Projection.synapses` lists them one by one
as Brian2 has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections import AllToAll, Connection, SynapseTable
from brianbridge.network.convolution import Pooling
from brianbridge.network.display import population_text, projection_text
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import seconds

__all__ = ["INPUT", "Failure", "Population", "Projection"]

#: The name under which projections find the encoded samples.
INPUT = "input"


#: Neurons of a population: Brian2 numbers them in 32 bits.
_MOST_NEURONS = 2**31 - 1


def checked_shape(shape: Any, what: str) -> tuple[int, ...]:
    """Return a shape as a tuple of whole numbers above 0; a plain number is a flat shape."""
    sizes = tuple(shape) if np.iterable(shape) else (shape,)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise InputError(f"{what} has the shape {shape!r}; give whole numbers of at least 1")
    if math.prod(int(size) for size in sizes) > _MOST_NEURONS:
        raise InputError(
            f"{what} has the shape {shape!r:.80}; give at most {_MOST_NEURONS} neurons"
        )
    return tuple(int(size) for size in sizes)


def _in_order(values: Any) -> np.ndarray:
    """Return an array as torch takes it: in C's order and the machine's, of at most 8 bytes."""
    array = np.asarray(values)
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    dtype = np.dtype(np.float64) if wide else array.dtype.newbyteorder("=")
    return np.asarray(array, dtype=dtype, order="C")


def projection_name(source: str, target: str, label: str) -> str:
    """Return how a projection is called: ``source_to_target``, and its label."""
    return f"{source}_to_{target}" + (f"_{label}" if label else "")


@dataclass(frozen=True)
class Population:
    """Describe `shape` neurons of one model.

    Parameters
    ----------
    name : str
        How the population is called everywhere: in files, recordings and verdicts.
    shape : tuple of int
        ``(n,)`` or ``(channels, height, width)``.
    neuron : NeuronModel
        What its neurons are.
    """

    name: str
    shape: tuple[int, ...]
    neuron: NeuronModel

    def __post_init__(self) -> None:
        if not (self.name.isidentifier() and self.name.isascii()) or self.name == INPUT:
            raise InputError(
                f"'{self.name}' cannot name a population; use letters a to z, digits and "
                f"underscores, and not '{INPUT}'"
            )
        shape = checked_shape(self.shape, f"population '{self.name}'")
        object.__setattr__(self, "shape", shape)
        if not shape:
            raise InputError(f"population '{self.name}' has the empty shape ()")
        for key, values in {**self.neuron.parameters, **self.neuron.initial}.items():
            if self.size % np.size(values):
                raise InputError(
                    f"population '{self.name}': '{key}' of its neuron model has "
                    f"{np.size(values)} values for {self.size} neurons"
                )

    def __repr__(self) -> str:
        return population_text(self)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Failure:
    """Let spikes fail to arrive, at each synapse for itself.

    Parameters
    ----------
    probability : float
        That a spike does not arrive, from 0 to 1.
    key : int
        From 0 on; what the draws depend on beside the number of the sample, the step, and the
        neurons at either end. A C++ program draws its own.
    """

    probability: float
    key: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(
                f"failure of a projection: probability = {self.probability!r}; give 0 to 1"
            )
        if not 0 <= self.key < 2**63:
            raise InputError(f"failure of a projection: key = {self.key!r}; give 0 to 2**63 - 1")


@dataclass(frozen=True, eq=False)
class Projection:
    """Hold the weights from one population to another.

    Parameters
    ----------
    source, target : str
        Names of the populations; the source may be ``"input"``.
    weight : numpy.ndarray
        What a spike of value 1 adds to the target's receiving variable (SI units), or what a
        unit of input current adds to it in one step. Its shape depends on the connection:
        ``(out, in)`` for all to all, ``(out, in/groups, height, width)`` for a convolution.
    bias : numpy.ndarray, optional
        Constant input to the target in every step: ``(out,)``, or one for each channel.
    connection : Connection
        Which neurons are connected.
    pool : Pooling, optional
        Pooling of the source's spikes before the weights.
    receive : str
        The variable that spikes add to; that of the target's model if empty.
    delay : Quantity, str or float
        Time that a spike travels, a multiple of the twin's step (seconds if a number).
    feedback : bool
        Whether it leads back, to an earlier population or its own. It then delivers the spikes
        of the twin's step before: one step comes on top of `delay`.
    frozen : bool
        Whether training leaves the weights alone.
    label : str
        Tells apart several projections between the same two populations.
    failure : Failure, optional
        How spikes fail to arrive. Part of a simulation only: the twin takes no notice, and no
        file holds it.
    """

    source: str
    target: str
    weight: np.ndarray
    bias: np.ndarray | None = None
    connection: Connection = field(default_factory=AllToAll)
    pool: Pooling | None = None
    receive: str = ""
    delay: Any = 0.0
    feedback: bool = False
    frozen: bool = False
    label: str = ""
    failure: Failure | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _in_order(self.weight))
        if self.bias is not None:
            object.__setattr__(self, "bias", _in_order(self.bias))
        if self.label and not (self.label.isidentifier() and self.label.isascii()):
            raise InputError(
                f"'{self.label}' cannot label a projection; use letters a to z, digits and "
                "underscores"
            )
        delay = seconds(self.delay, f"delay of projection '{self.name}'", zero=True)
        object.__setattr__(self, "delay", delay)

    def __repr__(self) -> str:
        return projection_text(self)

    @property
    def name(self) -> str:
        """``source_to_target``, and the label: how parameters and file entries are called."""
        return projection_name(self.source, self.target, self.label)

    def pooled_shape(self, source: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that the weights see of a source of shape `source`."""
        return source if self.pool is None else self.pool.output_shape(source, self._what)

    @property
    def _what(self) -> str:
        return f"projection '{self.name}'"

    def check(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        """Refuse weights that do not fit populations of these shapes or are not finite."""
        seen = self.pooled_shape(source)
        wanted = self.connection.weight_shape(self.weight, seen, target, self._what)
        if self.weight.shape != wanted:
            raise InputError(
                f"{self._what}: the weight has shape {self.weight.shape}; connection "
                f"'{self.connection.kind}' from {seen} to {target} needs {wanted}"
            )
        if self.bias is not None and self.bias.shape != self.connection.bias_shape(target):
            raise InputError(
                f"{self._what}: the bias has shape {self.bias.shape}; a target of shape {target} "
                f"needs {self.connection.bias_shape(target)}"
            )
        for what, values in (("weight", self.weight), ("bias", self.bias)):
            if values is not None and values.dtype.kind not in "iuf":
                raise InputError(
                    f"{self._what}: the {what} is of type {values.dtype}; give real numbers"
                )
            if values is not None and not np.all(np.isfinite(values)):
                bad = np.argwhere(~np.isfinite(values))[0].tolist()
                raise InputError(f"{self._what}: {what}{bad} is not finite")

    def number_of_synapses(self, source: tuple[int, ...], target: tuple[int, ...]) -> int:
        """Return how many synapses there are, pooling included."""
        if isinstance(self.connection, AllToAll) and self.pool is None:
            return int(self.weight.size)
        return len(self.synapses(source, target).weight)

    def synapses(self, source: tuple[int, ...], target: tuple[int, ...]) -> SynapseTable:
        """Return every single synapse, pooling included, by source and then target.

        Parameters
        ----------
        source, target : tuple of int
            Shapes of the populations.
        """
        table = self.connection.synapses(self.weight, self.pooled_shape(source), target)
        if self.pool is None:
            return table
        return _through(self.pool.synapses(source), table, int(np.prod(target)))


def _through(first: SynapseTable, second: SynapseTable, targets: int) -> SynapseTable:
    """Return the synapses of two linear stages, one behind the other."""
    # Each synapse of the first stage meets all of the second that start where it ends.
    starts = np.searchsorted(second.source, first.target, side="left")
    numbers = np.searchsorted(second.source, first.target, side="right") - starts
    before = np.repeat(np.arange(len(first.target)), numbers)
    offset = np.arange(len(before)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    after = np.repeat(starts, numbers) + offset
    pair = first.source[before] * targets + second.target[after]
    joined, place = np.unique(pair, return_inverse=True)
    weight = np.bincount(place, first.weight[before] * second.weight[after], minlength=len(joined))
    return SynapseTable(joined // targets, joined % targets, weight)
