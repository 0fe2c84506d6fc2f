"""Layers that add a population: all to all and convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import PositiveInt

from brianbridge.errors import InputError
from brianbridge.network.connections import AllToAll
from brianbridge.network.connections.convolution import Convolution
from brianbridge.network.images import image_shape, pair
from brianbridge.network.layers.stack import Stack, check_neuron
from brianbridge.network.layers.types import Padding, Size, Time
from brianbridge.network.population import Population, checked_shape
from brianbridge.neurons.model import NeuronModel

__all__ = ["Conv2d", "Dense", "Flatten"]


@dataclass(frozen=True)
class Dense:
    """Add a population, connected all to all.

    Parameters
    ----------
    units : int
        Number of neurons of the new population.
    neuron : NeuronModel
        Model of its neurons.
    bias : bool
        Whether each neuron has a trainable constant input.
    name : str
        Name of the population. The default is ``hidden`` (``hidden1``, ``hidden2``, ... if there
        are several), and ``output`` for the last.
    delay : Quantity, str or float
        Time that spikes take to arrive.
    """

    prefix: ClassVar[str] = "hidden"

    units: PositiveInt
    neuron: NeuronModel
    bias: bool = True
    name: str = ""
    delay: Time = 0.0

    def __post_init__(self) -> None:
        check_neuron(self)

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection."""
        population = Population(self.name or name, (self.units,), self.neuron)
        fan_in = int(np.prod(stack.seen))
        weight = stack.draw((self.units, fan_in), fan_in)
        bias = stack.draw_bias(self.units, fan_in) if self.bias else None
        stack.grow(population, AllToAll(), weight, bias, delay=self.delay)


@dataclass(frozen=True)
class Conv2d:
    """Add a population, connected by a convolution as in ``torch.nn.Conv2d``.

    Parameters
    ----------
    channels : int
        Number of channels of the new population.
    kernel : int or (int, int)
        Height and width of the kernels.
    neuron : NeuronModel
        Model of its neurons.
    stride : int or (int, int)
        Step of the kernels.
    padding : int or (int, int)
        Number of zeros around the image.
    dilation : int or (int, int)
        Distance between the inputs of a kernel.
    groups : int
        Number of groups of channels that are convolved separately.
    bias : bool
        Whether each channel has a trainable constant input.
    name : str
        Name of the population. The default is ``conv1``, ``conv2``, ...
    delay : Quantity, str or float
        Time that spikes take to arrive.
    """

    prefix: ClassVar[str] = "conv"

    channels: PositiveInt
    kernel: Size
    neuron: NeuronModel
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: PositiveInt = 1
    bias: bool = True
    name: str = ""
    delay: Time = 0.0

    def __post_init__(self) -> None:
        check_neuron(self)

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection."""
        what = f"layer '{self.name or name}'"
        connection = Convolution(self.stride, self.padding, self.dilation, self.groups)
        kernel = pair(self.kernel, f"{what}: kernel")
        channels, *more = checked_shape(self.channels, what)
        if more:
            raise InputError(f"{what}: channels = {self.channels!r}; give one whole number")
        image = image_shape(stack.seen, what)
        shape = connection.output_shape(image, channels, kernel, what)
        inputs = image[0] // self.groups
        fan_in = inputs * kernel[0] * kernel[1]
        weight = stack.draw((channels, inputs, *kernel), fan_in)
        bias = stack.draw_bias(channels, fan_in) if self.bias else None
        population = Population(self.name or name, shape, self.neuron)
        stack.grow(population, connection, weight, bias, delay=self.delay)


@dataclass(frozen=True)
class Flatten:
    """Ignore channels, height and width. `Dense` does the same by itself."""

    prefix: ClassVar[str] = ""

    def build(self, stack: Stack, name: str) -> None:
        """Do nothing: weights list neurons in flat order anyway."""
