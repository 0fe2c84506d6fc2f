"""Layers of `SpikingNetwork.sequential`: short descriptions that grow populations and projections.

`Dense` and `Conv2d` end in a population of neurons. `AvgPool2d` and `SumPool2d` without neurons
become part of the next projection, for they are linear; with neurons they are a population that
has a threshold of its own. `MaxPool2d` is for networks whose neurons fire once: its neurons fire,
once, with the first spike of their window. `Residual`, `Recurrent` and `Feedback` add a projection
to the population before them.

Initial weights and biases are drawn from U(-1, 1)/sqrt(fan_in), torch's default, or from a normal
distribution of variance gain/fan_in; where neurons fire once, weights want a mean above 0, so that
all fire.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.connections import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    TransposedConvolution,
)
from brianbridge.network.images import image_shape, pair
from brianbridge.network.pooling import Pooling, PoolingMode
from brianbridge.network.population import INPUT, Population, checked_shape
from brianbridge.network.projection import Projection
from brianbridge.neurons.model import NeuronModel

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Dense",
    "Feedback",
    "Flatten",
    "Layer",
    "MaxPool2d",
    "Recurrent",
    "Residual",
    "Stack",
    "SumPool2d",
    "stack_layers",
]


#: Initial weights of one projection.
_MOST_WEIGHTS = 2**27


@dataclass
class Stack:
    """Hold what the layers so far have grown.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the initial weights.
    source : str
        The population that the next layer starts from.
    shape : tuple of int
        Its shape.
    pool : Pooling, optional
        Pooling that the next projection takes in.
    gain : float, optional
        Variance of initial weights times their fan-in; uniform if not given.
    mean : float
        Mean of initial weights times their fan-in; biases have none.
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
        """The shape that the next layer's weights see."""
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
        """Add a population, and the projection that leads to it."""
        projection = Projection(
            self.source, population.name, weight, bias, connection, self.pool, **options
        )
        self.populations.append(population)
        self.projections.append(projection)
        self.source, self.shape, self.pool = population.name, population.shape, None

    def last(self, what: str) -> Population:
        """Return the latest population."""
        if not self.populations or self.pool is not None:
            raise InputError(f"{what} must follow a layer that has neurons")
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
    """What `SpikingNetwork.sequential` takes."""

    #: How its population is called by default; empty if it adds none.
    prefix: ClassVar[str]

    def build(self, stack: Stack, name: str) -> None:
        """Add to the stack; `name` is the default name of a population."""


@dataclass(frozen=True)
class Dense:
    """Connect all to all onto a new population.

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
    delay : Quantity, str or float
        Time that spikes travel to it.
    """

    prefix: ClassVar[str] = "hidden"

    units: int
    neuron: NeuronModel
    bias: bool = True
    name: str = ""
    delay: Any = 0.0

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection."""
        population = Population(self.name or name, (self.units,), self.neuron)
        fan_in = int(np.prod(stack.seen))
        weight = stack.draw((self.units, fan_in), fan_in)
        bias = stack.draw_bias(self.units, fan_in) if self.bias else None
        stack.grow(population, AllToAll(), weight, bias, delay=self.delay)


@dataclass(frozen=True)
class Conv2d:
    """Convolve onto a new population, as ``torch.nn.Conv2d``.

    Parameters
    ----------
    channels : int
        Channels of the new population.
    kernel : int or (int, int)
        Height and width of the kernels.
    neuron : NeuronModel
        Model of its neurons.
    stride, padding, dilation, groups
        As in torch.
    bias : bool
        Whether each channel gets a constant input of its own.
    name : str
        Name of the population; ``conv1``, ``conv2``, ... if empty.
    delay : Quantity, str or float
        Time that spikes travel to it.
    """

    prefix: ClassVar[str] = "conv"

    channels: int
    kernel: Any
    neuron: NeuronModel
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    bias: bool = True
    name: str = ""
    delay: Any = 0.0

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
class AvgPool2d:
    """Average spikes over windows.

    Parameters
    ----------
    size : int or (int, int)
        The window.
    neuron : NeuronModel, optional
        Model of pooling neurons; without one the average is part of the next projection.
    stride, padding
        As in torch.
    name : str
        Name of the population, if there is one; ``pool1``, ... if empty.
    """

    prefix: ClassVar[str] = "pool"
    mode: ClassVar[PoolingMode] = "average"

    size: Any
    neuron: NeuronModel | None = None
    stride: Any = None
    padding: Any = 0
    name: str = ""

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection, or leave the pooling to the next layer."""
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
    """Let the earliest spike of a window win, for networks whose neurons fire at most once.

    Each window has a neuron that fires once, in the step of the window's first spike: the
    maximum over spike times that count backwards (as in S4NN and its relatives). It is a
    single-spike neuron with threshold 0, so that any spike of value above 0 makes it fire.

    Parameters
    ----------
    size : int or (int, int)
        The window.
    stride, padding
        As in torch.
    name : str
        Name of the population; ``pool1``, ... if empty.
    """

    prefix: ClassVar[str] = "pool"

    size: Any
    stride: Any = None
    padding: Any = 0
    name: str = ""

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection."""
        from brianbridge.neurons.library import neuron_model

        for population in stack.populations[-1:]:
            if not population.neuron.fires_once:
                raise InputError(
                    f"layer '{self.name or name}': the earliest spike wins only where neurons fire "
                    f"once, but population '{population.name}' is of model "
                    f"'{population.neuron.name}'; use a single-spike model, or AvgPool2d"
                )
        first = neuron_model("single_spike_if", theta=0.0)
        pooling = SumPool2d(self.size, first, self.stride, self.padding, self.name)
        pooling.build(stack, name)


@dataclass(frozen=True)
class Flatten:
    """Forget about channels, height and width; `Dense` does so by itself."""

    prefix: ClassVar[str] = ""

    def build(self, stack: Stack, name: str) -> None:
        """Do nothing: the weights of what follows count neurons in flat order anyway."""


@dataclass(frozen=True)
class Residual:
    """Add the spikes of an earlier population into the membrane of the one before this layer.

    Either each neuron gets the spikes of the one at its place, times 1, or a 1x1 convolution is
    learned. Where height and width shrink, both look at every second place (or third, ...).

    Parameters
    ----------
    source : str
        Name of the earlier population.
    learned : bool, optional
        Whether it is a convolution; if not given, only where the shapes differ.
    """

    prefix: ClassVar[str] = ""

    source: str
    learned: bool | None = None

    def build(self, stack: Stack, name: str) -> None:
        """Add the projection."""
        what = f"residual from '{self.source}'"
        target = stack.last(what)
        source = stack.named(self.source, what)
        ends = source.name, target.name
        # Around a single layer it stands beside that layer's own projection.
        beside = any((p.source, p.target) == ends for p in stack.projections)
        label = "residual" if beside else ""
        same = source.shape == target.shape
        one = np.ones(1, np.float32)
        if same and not self.learned:
            projection = Projection(*ends, one, None, OneToOne(), frozen=True, label=label)
            stack.projections.append(projection)
            return
        (inputs, *size), (outputs, *smaller) = (
            image_shape(p.shape, what) for p in (source, target)
        )
        stride = tuple(-(-a // b) for a, b in zip(size, smaller, strict=True))
        if self.learned is False:
            pool = Pooling("sum", 1, stride)
            if pool.output_shape(source.shape, what) != target.shape:
                raise InputError(
                    f"{what}: shape {source.shape} at every {stride} is not {target.shape} of "
                    f"'{target.name}'; leave out learned = False, and a convolution makes it fit"
                )
            projection = Projection(*ends, one, None, OneToOne(), pool, frozen=True, label=label)
        else:
            weight = stack.draw((outputs, inputs, 1, 1), inputs)
            projection = Projection(*ends, weight, None, Convolution(stride), label=label)
        stack.projections.append(projection)


@dataclass(frozen=True)
class Recurrent:
    """Connect the population before this layer with itself, all to all, one step later.

    Parameters
    ----------
    delay : Quantity, str or float
        Time that comes on top of the one step.
    """

    prefix: ClassVar[str] = ""

    delay: Any = 0.0

    def build(self, stack: Stack, name: str) -> None:
        """Add the projection."""
        own = stack.last("a recurrent projection")
        Feedback(own.name, delay=self.delay).build(stack, name)


@dataclass(frozen=True)
class Feedback:
    """Lead from the population before this layer back to an earlier one, one step later.

    Parameters
    ----------
    target : str
        Name of the earlier population.
    kernel : int or (int, int), optional
        Kernel of a transposed convolution; all to all if not given.
    stride, padding, dilation
        As in ``torch.nn.ConvTranspose2d``.
    delay : Quantity, str or float
        Time that comes on top of the one step.
    """

    prefix: ClassVar[str] = ""

    target: str
    kernel: Any = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    delay: Any = 0.0

    def build(self, stack: Stack, name: str) -> None:
        """Add the projection."""
        what = f"feedback to '{self.target}'"
        source = stack.last(what)
        target = stack.named(self.target, what)
        connection: Connection = AllToAll()
        shape: tuple[int, ...] = (target.size, source.size)
        fan_in = source.size
        if self.kernel is not None:
            kernel = pair(self.kernel, f"{what}: kernel")
            connection = TransposedConvolution(self.stride, self.padding, self.dilation)
            channels = (image_shape(p.shape, what)[0] for p in (source, target))
            shape = (*channels, *kernel)
            fan_in = shape[0] * kernel[0] * kernel[1]
        weight = stack.draw(shape, fan_in)
        projection = Projection(
            source.name, target.name, weight, None, connection, delay=self.delay, feedback=True
        )
        stack.projections.append(projection)


def stack_layers(
    shape: tuple[int, ...],
    layers: Sequence[Layer],
    generator: np.random.Generator,
    gain: float | None = None,
    mean: float = 0.0,
) -> Stack:
    """Build all layers on an input of this shape."""
    stack = Stack(generator, INPUT, shape, gain=gain, mean=mean)
    with_neurons = [k for k, layer in enumerate(layers) if _has_neurons(layer)]
    numbers = dict.fromkeys(("hidden", "conv", "pool"), 0)
    dense = sum(layers[k].prefix == "hidden" for k in with_neurons[:-1])
    for k, layer in enumerate(layers):
        name = ""
        if k in with_neurons:
            numbers[layer.prefix] += 1
            number = numbers[layer.prefix]
            name = f"{layer.prefix}{number}"
            if layer.prefix == "hidden" and dense == 1:
                name = "hidden"
            if k == with_neurons[-1]:
                name = "output"
        layer.build(stack, name)
    if stack.pool is not None:
        raise InputError("the last layer is a pooling without neurons; give it neurons")
    return stack


def _has_neurons(layer: Layer) -> bool:
    linear = isinstance(layer, AvgPool2d) and layer.neuron is None
    return bool(layer.prefix) and not linear
