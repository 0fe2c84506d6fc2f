"""The stack to which layers add their populations and projections.

Initial weights and biases are drawn from U(-1, 1)/sqrt(fan_in), torch's default, or from a normal
distribution of variance gain/fan_in. If neurons fire at most once, weights need a mean above 0, so
that all neurons fire.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.connections import Connection
from brianbridge.network.pooling import Pooling
from brianbridge.network.population import Population
from brianbridge.network.projection import Projection
from brianbridge.neurons.model import NeuronModel

__all__ = ["Layer", "Stack", "check_neuron"]

#: Largest number of initial weights of one projection.
_MOST_WEIGHTS = 2**27


@dataclass
class Stack:
    """Hold the populations and projections of the layers so far.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of the initial weights.
    source : str
        Name of the population that the next layer is connected to.
    shape : tuple of int
        Shape of this population.
    pool : Pooling, optional
        Pooling that becomes part of the next projection.
    gain : float, optional
        Variance of the initial weights times their fan-in. If not given, they are uniform.
    mean : float
        Mean of initial weights times their fan-in. Initial biases have mean 0.
    """

    generator: np.random.Generator
    source: str
    shape: tuple[int, ...]
    pool: Pooling | None = None
    gain: float | None = None
    mean: float = 0.0
    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)

    @property
    def seen(self) -> tuple[int, ...]:
        """The shape of the next layer's input, after pooling."""
        return self.shape if self.pool is None else self.pool.output_shape(self.shape)

    def draw(self, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
        """Return initial weights."""
        return (self._spread(shape, fan_in) + self.mean / fan_in).astype(np.float32)

    def draw_bias(self, units: int, fan_in: int) -> np.ndarray:
        """Return initial biases."""
        return self._spread((units,), fan_in).astype(np.float32)

    def _spread(self, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
        if math.prod(shape) > _MOST_WEIGHTS:
            raise InputError(
                f"a layer has weights of shape {shape}; give at most {_MOST_WEIGHTS} weights, "
                "which take 1 GB while they are drawn"
            )
        if self.gain is not None:
            return self.generator.normal(0, np.sqrt(self.gain / fan_in), shape)
        bound = 1 / np.sqrt(fan_in)
        return self.generator.uniform(-bound, bound, shape)

    def grow(
        self,
        population: Population,
        connection: Connection,
        weight: np.ndarray,
        bias: np.ndarray | None = None,
        **options: Any,
    ) -> None:
        """Add a population and the projection to it."""
        projection = Projection(
            self.source, population.name, weight, bias, connection, self.pool, **options
        )
        self.populations.append(population)
        self.projections.append(projection)
        self.source, self.shape, self.pool = population.name, population.shape, None

    def last(self, what: str) -> Population:
        """Return the latest population."""
        if not self.populations or self.pool is not None:
            raise InputError(f"{what} must follow a layer with neurons")
        return self.populations[-1]

    def named(self, name: str, what: str) -> Population:
        """Return the population called `name`."""
        known = {p.name: p for p in self.populations}
        if name not in known:
            raise InputError(
                f"{what}: there is no earlier population '{name}'. " + did_you_mean(name, known)
            )
        return known[name]


class Layer(Protocol):
    """A layer of `SpikingNetwork.sequential`."""

    #: Default name of its population, without a number; empty if it adds none.
    prefix: ClassVar[str]

    def build(self, stack: Stack, name: str) -> None:
        """Add populations and projections to the stack.

        Parameters
        ----------
        stack : Stack
            The layers so far.
        name : str
            Default name of the population.
        """


def check_neuron(layer: Any) -> None:
    """Refuse a layer whose neuron is no model, such as one with the arguments of a torch layer.

    Raises
    ------
    InputError
        If the neuron is something else; the message shows the arguments of the layer.
    """
    neuron, kind = layer.neuron, type(layer).__name__
    if isinstance(neuron, NeuronModel):
        return
    if isinstance(neuron, str):
        remedy = f"give bb.neuron_model({neuron!r:.80})"
    else:
        names = [entry.name for entry in fields(layer)]
        *first, last = names[: names.index("neuron") + 1]
        remedy = f"give {kind}({', '.join([*first, last])}): inputs follow from the layer before"
        if getattr(type(layer), "neuron", layer) is None:  # the default
            remedy = f"give {kind}({', '.join(first)}, stride=...) for one without neurons"
    raise InputError(f"{kind}: neuron = {neuron!r:.80} is not a NeuronModel; {remedy}")
