"""The parts of a spiking network: populations and projections, as plain frozen data.

Weights are NumPy arrays ``(out, in)``, as torch has them; Brian2 gets them transposed, in one
function (`Projection.brian2_weights`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..neurons.model import NeuronModel

__all__ = ["INPUT", "Dense", "Population", "Projection"]

#: The name under which projections find the encoded samples.
INPUT = "input"


def checked_shape(shape: Any, what: str) -> tuple[int, ...]:
    """Return a shape as a tuple of whole numbers above 0; a plain number is a flat shape."""
    sizes = tuple(shape) if np.iterable(shape) else (shape,)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise InputError(f"{what} has the shape {shape!r}; give whole numbers of at least 1")
    return tuple(int(size) for size in sizes)


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
        if not self.name.isidentifier() or self.name == INPUT:
            raise InputError(
                f"'{self.name}' cannot name a population; use letters, digits and underscores, "
                f"and not '{INPUT}'"
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

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False)
class Projection:
    """Hold the all-to-all weights from one population to another.

    Parameters
    ----------
    source, target : str
        Names of the populations; the source may be ``"input"``.
    weight : numpy.ndarray, shape (out, in)
        What a spike of value 1 adds to the target's receiving variable (SI units), or what a
        unit of input current adds to it in one step.
    bias : numpy.ndarray, shape (out,), optional
        Constant input to the target in every step.
    """

    source: str
    target: str
    weight: np.ndarray
    bias: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", np.asarray(self.weight))
        if self.bias is not None:
            object.__setattr__(self, "bias", np.asarray(self.bias))

    @property
    def name(self) -> str:
        """``source_to_target``: how parameters and file entries are called."""
        return f"{self.source}_to_{self.target}"

    def check(self, inputs: int, outputs: int) -> None:
        """Refuse weights that do not fit the two populations or are not finite."""
        if self.weight.shape != (outputs, inputs):
            raise InputError(
                f"projection '{self.name}': the weight has shape {self.weight.shape}; "
                f"{inputs} inputs and {outputs} outputs need {(outputs, inputs)}"
            )
        if self.bias is not None and self.bias.shape != (outputs,):
            raise InputError(
                f"projection '{self.name}': the bias has shape {self.bias.shape}; "
                f"{outputs} outputs need {(outputs,)}"
            )
        for what, values in (("weight", self.weight), ("bias", self.bias)):
            if values is not None and values.dtype.kind not in "iuf":
                raise InputError(
                    f"projection '{self.name}': the {what} is of type {values.dtype}; give real "
                    "numbers"
                )
            if values is not None and not np.all(np.isfinite(values)):
                bad = np.argwhere(~np.isfinite(values))[0].tolist()
                raise InputError(f"projection '{self.name}': {what}{bad} is not finite")

    def brian2_weights(self) -> np.ndarray:
        """Return the weights in the order of Brian2's synapses: source by source, ``(in, out)``."""
        return np.ascontiguousarray(self.weight.T, dtype=np.float64)


@dataclass(frozen=True)
class Dense:
    """Describe a layer of `SpikingNetwork.sequential`: all-to-all onto a new population.

    Parameters
    ----------
    units : int
        Number of neurons of the new population.
    neuron : NeuronModel
        Its model.
    bias : bool
        Whether each neuron gets a constant input of its own.
    name : str
        Name of the population; ``hidden``, ``hidden1``, ..., ``output`` if empty.
    """

    units: int
    neuron: NeuronModel
    bias: bool = True
    name: str = ""

    def build(
        self, source: str, in_shape: tuple[int, ...], name: str, generator: np.random.Generator
    ) -> tuple[Population, Projection]:
        """Return the population and a projection with initial weights.

        Weights and bias are drawn from U(-1, 1)/sqrt(fan_in), torch's default for linear layers.
        """
        population = Population(name, (self.units,), self.neuron)
        fan_in = int(np.prod(in_shape))
        bound = 1 / np.sqrt(fan_in)

        def draw(*shape: int) -> np.ndarray:
            return generator.uniform(-bound, bound, shape).astype(np.float32)

        projection = Projection(
            source, name, draw(self.units, fan_in), draw(self.units) if self.bias else None
        )
        return population, projection
