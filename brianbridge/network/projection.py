"""Projections of a spiking network: weights and how they connect populations, as frozen data.

Weights are NumPy arrays in torch's layout; `Projection.synapses` lists them one by one, as Brian2
needs them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.connections import AllToAll, Connection, Sparse, SynapseTable
from brianbridge.network.display import projection_text
from brianbridge.network.pooling import Pooling
from brianbridge.network.sign import Sign
from brianbridge.network.synapses.model import SynapseModel
from brianbridge.neurons.quantities import seconds

__all__ = ["Failure", "Projection", "projection_name"]


def _for_torch(values: Any) -> np.ndarray:
    """Return an array that torch accepts: C order, native byte order, values of at most 8 bytes."""
    array = np.asarray(values)
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    dtype = np.dtype(np.float64) if wide else array.dtype.newbyteorder("=")
    return np.asarray(array, dtype=dtype, order="C")


def projection_name(source: str, target: str, label: str) -> str:
    """Return the name of a projection: ``source_to_target`` and its label."""
    return f"{source}_to_{target}" + (f"_{label}" if label else "")


@dataclass(frozen=True)
class Failure:
    """Let spikes fail to arrive, independently at each synapse.

    Parameters
    ----------
    probability : float
        Probability that a spike does not arrive, from 0 to 1.
    key : int
        Seed of the draws, 0 or more. They also depend on the number of the sample, the step, and
        the neurons at either end. A C++ program draws its own numbers.
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
        What a spike of value 1 adds to the receiving variable of the target (SI units), or what
        a unit of input current adds to it in one step. Its shape depends on the connection:
        ``(out, in)`` for all to all, ``(out, in/groups, height, width)`` for a convolution.
    bias : numpy.ndarray, optional
        Constant input to the target in every step: ``(out,)``, or one for each channel.
    connection : Connection
        Which neurons are connected, and by which element of the weight.
    pool : Pooling, optional
        Pooling of the source's spikes before the weights.
    receive : str
        The variable that spikes add to; that of the target's model if empty.
    delay : Quantity, str or float
        Time for which a spike travels, a multiple of the twin's step (seconds if a number).
    feedback : bool
        Whether it leads back to an earlier population or to its source. It then delivers the
        spikes of the twin's previous step, that is, one step later than `delay` says.
    frozen : bool
        Whether training leaves the weights unchanged.
    label : str
        A name that tells apart several projections between the same two populations.
    sign : {"any", "positive", "negative", "kept"}
        The signs that training may give to weights: all; at least 0; at most 0; or for each weight
        the sign that it starts with.
    longest_delay : Quantity, str or float, optional
        If given, training also learns the delays that the connection gives each synapse, from 0 to
        this; see `brianbridge.network.SpikingNetwork.learn_delays`.
    failure : Failure, optional
        How spikes fail to arrive, in simulations and in the twin. Network files do not store it.
    model : SynapseModel, optional
        What the synapses do, if that is more than to add their weight. The weight is then the
        initial value of the variable ``model.trained``, and the pathways have the delays.
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
    sign: Sign = "any"
    longest_delay: Any = None
    failure: Failure | None = None
    model: SynapseModel | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _for_torch(self.weight))
        if self.bias is not None:
            object.__setattr__(self, "bias", _for_torch(self.bias))
        if self.label and not (self.label.isidentifier() and self.label.isascii()):
            raise InputError(
                f"'{self.label}' cannot label a projection; use letters a to z, digits and "
                "underscores"
            )
        if self.sign not in get_args(Sign):
            hint = did_you_mean(self.sign, get_args(Sign))
            raise InputError(f"{self._what}: sign = {self.sign!r}. {hint}")
        delay = seconds(self.delay, f"delay of projection '{self.name}'", zero=True)
        object.__setattr__(self, "delay", delay)
        if self.longest_delay is not None:
            longest = seconds(self.longest_delay, f"longest_delay of projection '{self.name}'")
            object.__setattr__(self, "longest_delay", longest)
            self._check_longest(longest)

    def __repr__(self) -> str:
        return projection_text(self)

    @property
    def name(self) -> str:
        """``source_to_target`` and the label: the name of parameters and of entries in files."""
        return projection_name(self.source, self.target, self.label)

    def _check_longest(self, longest: float) -> None:
        """Refuse a longest delay where synapses have no delays, or longer ones."""
        delays = self.connection.delays
        if delays is None or self.pool is not None:
            raise InputError(
                f"{self._what}: longest_delay = {longest * 1e3:g} ms, but its synapses have no "
                "delays of their own; use network.learn_delays(...), on a projection without "
                "pooling"
            )
        if delays.max(initial=0.0) > longest * (1 + 1e-9):
            raise InputError(
                f"{self._what}: longest_delay = {longest * 1e3:g} ms, but a synapse has a delay "
                f"of {delays.max() * 1e3:g} ms; give at least that"
            )

    def pooled_shape(self, source: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the source after pooling."""
        return source if self.pool is None else self.pool.output_shape(source, self._what)

    @property
    def _what(self) -> str:
        return f"projection '{self.name}'"

    def check(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        """Refuse weights that do not fit populations of these shapes or are not finite.

        Raises
        ------
        InputError
            If they do not fit or are not finite, or the connection lists neurons that do not exist.
        """
        connection, given, seen = self.connection, self.weight.shape, self.pooled_shape(source)
        wanted = connection.weight_shape(given, seen, target, self._what)
        if given != wanted:
            raise InputError(
                f"{self._what}: the weight has shape {given}; connection '{connection.kind}' from "
                f"{seen} to {target} needs {wanted}"
            )
        connection.check_pairs(given, seen, target, self._what)
        if self.model is not None:
            self._check_model(self.model)
        if self.bias is not None and self.bias.shape != connection.bias_shape(target):
            raise InputError(
                f"{self._what}: the bias has shape {self.bias.shape}; a target of shape {target} "
                f"needs {connection.bias_shape(target)}"
            )
        self._check_values("weight", self.weight)
        if self.bias is not None:
            self._check_values("bias", self.bias)

    def _check_model(self, model: SynapseModel) -> None:
        """Refuse what synapses with a model cannot have, and arrays that do not fit them."""
        connection, has = self.connection, ""
        if not isinstance(connection, Sparse) or connection.delays is not None:
            has = "another connection than 'sparse', or delays of its own"
        elif self.pool is not None or self.bias is not None or self.failure is not None:
            has = "pooling, a bias or failures"
        elif self.receive or self.delay or self.feedback:
            has = "a receive, a delay or feedback"
        if has:
            raise InputError(
                f"{self._what}: its synapses have a model, which says all that they do, but the "
                f"projection has {has}; leave it out"
            )
        assert isinstance(connection, Sparse)
        for name, values in model.arrays().items():
            if values.shape not in ((1,), connection.source.shape):
                raise InputError(
                    f"{self._what}: '{name}' of its synapses has shape {values.shape}; give one "
                    f"value, or {connection.source.size}"
                )
            self._check_values(name, values)

    def _check_values(self, what: str, values: np.ndarray) -> None:
        if values.dtype.kind not in "iuf":
            raise InputError(
                f"{self._what}: the {what} is of type {values.dtype}; give real numbers"
            )
        if not np.all(np.isfinite(values)):
            bad = np.argwhere(~np.isfinite(values))[0].tolist()
            raise InputError(f"{self._what}: {what}{bad} is not finite; give a finite number")

    def number_of_synapses(self, source: tuple[int, ...], target: tuple[int, ...]) -> int:
        """Return the number of synapses, pooling included."""
        if self.pool is None:
            return self.connection.number_of_synapses(self.weight.shape, source, target)
        return len(self.synapses(source, target).weight)

    def synapses(self, source: tuple[int, ...], target: tuple[int, ...]) -> SynapseTable:
        """Return all synapses, pooling included, by source and then by target.

        Parameters
        ----------
        source, target : tuple of int
            Shapes of the populations.
        """
        table = self.connection.synapses(self.weight, self.pooled_shape(source), target)
        if self.pool is None:
            return table
        return _composed(self.pool.synapses(source), table, math.prod(target))


def _composed(first: SynapseTable, second: SynapseTable, targets: int) -> SynapseTable:
    """Return the synapses of two linear stages in a row."""
    # Each synapse of the first stage meets all of the second that start where it ends.
    starts = np.searchsorted(second.source, first.target, side="left")
    numbers = np.searchsorted(second.source, first.target, side="right") - starts
    before = np.repeat(np.arange(len(first.target)), numbers)
    offset = np.arange(len(before)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    after = np.repeat(starts, numbers) + offset
    pair = first.source[before] * targets + second.target[after]
    joined, number = np.unique(pair, return_inverse=True)
    weight = np.bincount(number, first.weight[before] * second.weight[after], minlength=len(joined))
    return SynapseTable(joined // targets, joined % targets, weight)
