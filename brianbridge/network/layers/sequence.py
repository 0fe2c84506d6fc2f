"""Build a sequence of layers and name their populations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.layers.pooling import AvgPool2d
from brianbridge.network.layers.stack import Layer, Stack
from brianbridge.network.population import INPUT

__all__ = ["stack_layers"]


def stack_layers(
    shape: tuple[int, ...],
    layers: Sequence[Layer],
    generator: np.random.Generator,
    gain: float | None = None,
    mean: float = 0.0,
) -> Stack:
    """Build all layers on an input and return the stack.

    Parameters
    ----------
    shape : tuple of int
        Shape of the input.
    layers : sequence of Layer
        The layers, from input to output.
    generator : numpy.random.Generator
        Source of the initial weights.
    gain : float, optional
        Variance of the initial weights times their fan-in. If not given, they are uniform.
    mean : float
        Mean of initial weights times their fan-in.

    Raises
    ------
    InputError
        If a layer is none, does not fit those before it, or the last one is a pooling without
        neurons.
    """
    for number, layer in enumerate(layers, start=1):
        _check_layer(layer, f"layer {number}")
    stack = Stack(generator, INPUT, shape, gain=gain, mean=mean)
    with_neurons = [k for k, layer in enumerate(layers) if _has_neurons(layer)]
    numbers: Counter[str] = Counter()
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


def _check_layer(layer: Any, what: str) -> None:
    """Refuse what is no layer, such as a module of torch."""
    if isinstance(layer, type) or not hasattr(layer, "prefix") or not hasattr(layer, "build"):
        kind = layer if isinstance(layer, type) else type(layer)
        made = "the class" if isinstance(layer, type) else "a"
        made = "a torch" if made == "a" and kind.__module__.partition(".")[0] == "torch" else made
        size = getattr(layer, "out_features", 12)
        raise InputError(
            f"{what} is {made} {kind.__name__}; give a layer of brianbridge, such as "
            f"bb.Dense({size}, neuron)"
        )


def _has_neurons(layer: Layer) -> bool:
    linear = isinstance(layer, AvgPool2d) and layer.neuron is None
    return bool(layer.prefix) and not linear
