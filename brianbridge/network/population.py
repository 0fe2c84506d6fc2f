"""Populations of a spiking network, as plain frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.display import population_text
from brianbridge.neurons.model import NeuronModel

__all__ = ["INPUT", "Population", "checked_shape"]

#: The name of the encoded samples as the source of projections.
INPUT = "input"

#: Largest number of neurons in a population: Brian2 numbers them in 32 bits.
_MOST_NEURONS = 2**31 - 1


def checked_shape(shape: Any, what: str) -> tuple[int, ...]:
    """Return a shape as a tuple of whole numbers above 0; a plain number is a flat shape.

    Raises
    ------
    InputError
        If a size is not a whole number above 0, or there are too many neurons.
    """
    sizes = tuple(shape) if np.iterable(shape) else (shape,)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise InputError(f"{what} has the shape {shape!r}; give whole numbers of at least 1")
    if math.prod(int(size) for size in sizes) > _MOST_NEURONS:
        raise InputError(
            f"{what} has the shape {shape!r:.80}; give at most {_MOST_NEURONS} neurons"
        )
    return tuple(int(size) for size in sizes)


@dataclass(frozen=True)
class Population:
    """Describe a population of neurons of one model.

    Parameters
    ----------
    name : str
        Name of the population in files, recordings and verdicts.
    shape : tuple of int
        ``(n,)`` or ``(channels, height, width)``.
    neuron : NeuronModel
        Model of its neurons.
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
            raise InputError(
                f"population '{self.name}' has the empty shape (); give at least one number"
            )
        if not isinstance(self.neuron, NeuronModel):
            raise InputError(
                f"population '{self.name}': neuron = {self.neuron!r:.80} is not a NeuronModel; "
                "give one, such as bb.neuron_model('lif')"
            )
        for key, values in {**self.neuron.parameters, **self.neuron.initial}.items():
            if self.size % np.size(values):
                raise InputError(
                    f"population '{self.name}': '{key}' of its neuron model has "
                    f"{np.size(values)} values for {self.size} neurons; give one value, or one "
                    "for each neuron"
                )

    def __repr__(self) -> str:
        return population_text(self)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))
