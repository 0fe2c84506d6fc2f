"""Layers that pool spikes over windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.connections import OneToOne
from brianbridge.network.layers.stack import Stack, check_neuron
from brianbridge.network.layers.types import Padding, Size
from brianbridge.network.pooling import Pooling, PoolingMode
from brianbridge.network.population import Population
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

__all__ = ["AvgPool2d", "MaxPool2d", "SumPool2d"]


@dataclass(frozen=True)
class AvgPool2d:
    """Average spikes over windows.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    neuron : NeuronModel, optional
        Model of the pooling neurons. Without neurons, the pooling is part of the next projection.
    stride : int or (int, int), optional
        Step of the window; its size if not given.
    padding : int or (int, int)
        Number of zeros around the image.
    name : str
        Name of the population, if there is one. The default is ``pool1``, ``pool2``, ...
    """

    prefix: ClassVar[str] = "pool"
    mode: ClassVar[PoolingMode] = "average"

    size: Size
    neuron: NeuronModel | None = None
    stride: Size | None = None
    padding: Padding = 0
    name: str = ""

    def __post_init__(self) -> None:
        if self.neuron is not None:
            check_neuron(self)

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection, or hand the pooling to the next projection."""
        if stack.pool is not None:
            raise InputError("two poolings in a row; give the first one neurons, or join them")
        stack.pool = Pooling(self.mode, self.size, self.stride, self.padding)
        if self.neuron is not None:
            population = Population(self.name or name, stack.seen, self.neuron)
            stack.grow(population, OneToOne(), np.ones(1, np.float32), frozen=True)


@dataclass(frozen=True)
class SumPool2d(AvgPool2d):
    """Sum spikes over windows; see `AvgPool2d`."""

    mode: ClassVar[PoolingMode] = "sum"


@dataclass(frozen=True)
class MaxPool2d:
    """Pass on the earliest spike of each window, in networks whose neurons fire at most once.

    Each window has a neuron that fires once, in the step of the window's first spike. This is the
    maximum if earlier spikes count more, as in S4NN. It is a single-spike neuron with threshold 0,
    so any spike of value above 0 makes it fire.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step of the window; its size if not given.
    padding : int or (int, int)
        Number of zeros around the image.
    name : str
        Name of the population. The default is ``pool1``, ``pool2``, ...
    """

    prefix: ClassVar[str] = "pool"

    size: Size
    stride: Size | None = None
    padding: Padding = 0
    name: str = ""

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection."""
        for population in stack.populations[-1:]:
            if not population.neuron.fires_once:
                raise InputError(
                    f"layer '{self.name or name}': the earliest spike is the maximum only if "
                    f"neurons fire once, but population '{population.name}' is of model "
                    f"'{population.neuron.name}'; use a single-spike model, or AvgPool2d"
                )
        first = neuron_model("single_spike_if", theta=0.0)
        pooling = SumPool2d(self.size, first, self.stride, self.padding, self.name)
        pooling.build(stack, name)
