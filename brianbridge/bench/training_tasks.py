"""What ``brianbridge bench train`` trains: networks of known shapes on random spikes.

All neurons are ``lif``, keep 0.9 of their potential in each step and reset by subtraction; pooling
neurons are ``if``. There are no biases. Weights are random, and scaled layer by layer until hidden
neurons are as active as the input. They are multiples of 2**-12: sums of spikes are then exact in
float32 in any order, and all who compute the same neuron have the same spikes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from brianbridge.bench.layered import LayeredNet, plain_cells
from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.network import AvgPool2d, Conv2d, Dense, Recurrent, SpikingNetwork
from brianbridge.network.layers import Layer
from brianbridge.neurons.library import neuron_model

__all__ = ["SHAPES", "Setup", "Task", "setup_of", "task_of"]

_DT = 1e-3
_LIF = neuron_model("lif", tau=f"{-1 / math.log(0.9)!r} ms")
# Means over four spikes never equal this threshold, where frameworks disagree about the spike.
_POOL = neuron_model("if", theta=0.7)
#: Samples from which weights are scaled, and rounds of the bisection.
_FEW, _ROUNDS = 8, 10


@dataclass(frozen=True)
class Setup:
    """Describe one task; the same setup gives the same task in every process.

    Parameters
    ----------
    shape : str
        A name in `SHAPES`.
    width : int
        Number of neurons of the dense hidden layers.
    steps, batch : int
        Steps of a presentation, and samples of a batch.
    activity : float
        Probability that an input neuron fires in a step; hidden neurons are made as active.
    seed : int
        Seed of weights, spikes and labels.
    """

    shape: str
    width: int
    steps: int
    batch: int
    activity: float = 0.13
    seed: int = 1


@dataclass(frozen=True)
class Shape:
    """Hold the layers of a network, and what they are trained on.

    Parameters
    ----------
    text : str
        The layers in the short form of the literature.
    input_shape : tuple of int
        Shape of a sample.
    layers : callable
        Returns the layers for a number of neurons of the dense hidden layers.
    setup : Setup
        The usual sizes.
    """

    text: str
    input_shape: tuple[int, ...]
    layers: Callable[[int], list[Layer]]
    setup: Setup


def _dense(units: int) -> Dense:
    return Dense(units, _LIF, bias=False)


def _conv(channels: int, padding: int = 0) -> Conv2d:
    return Conv2d(channels, 5, _LIF, padding=padding, bias=False)


#: The networks, by name.
SHAPES: dict[str, Shape] = {
    "mlp": Shape(
        "784-{width}-{width}-10", (784,),
        lambda width: [_dense(width), _dense(width), _dense(10)],
        Setup("mlp", width=800, steps=10, batch=128),
    ),
    "lenet": Shape(
        "20C5-P2-50C5-P2-{width}-10, pooling neurons", (1, 28, 28),
        lambda width: [
            _conv(20, 2), AvgPool2d(2, _POOL), _conv(50, 2), AvgPool2d(2, _POOL),
            _dense(width), _dense(10),
        ],
        Setup("lenet", width=200, steps=10, batch=64),
    ),
    "cnn": Shape(
        "32C5-P2-64C5-P2-{width}-10", (1, 28, 28),
        lambda width: [
            _conv(32, 2), AvgPool2d(2), _conv(64, 2), AvgPool2d(2), _dense(width), _dense(10),
        ],
        Setup("cnn", width=1024, steps=2, batch=128),
    ),
    "recurrent": Shape(
        "700-{width}-20, recurrent", (700,),
        lambda width: [_dense(width), Recurrent(), _dense(20)],
        Setup("recurrent", width=512, steps=100, batch=64),
    ),
    "small": Shape(
        "64-{width}-10", (64,),
        lambda width: [_dense(width), _dense(10)],
        Setup("small", width=64, steps=20, batch=128),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """Hold a network, a batch of input spikes, and its labels.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with the weights that all contestants start from.
    encoded : EncodedInput
        Input spikes, ``(T, batch, *shape)``.
    labels : numpy.ndarray of int, shape (batch,)
        The correct classes.
    """

    network: SpikingNetwork
    encoded: EncodedInput
    labels: np.ndarray


def setup_of(shape: str, **changes: Any) -> Setup:
    """Return the usual setup of a shape, with changes.

    Examples
    --------
    >>> setup_of("mlp", steps=40)
    Setup(shape='mlp', width=800, steps=40, batch=128, activity=0.13, seed=1)
    """
    return replace(SHAPES[shape].setup, **changes)


def task_of(setup: Setup) -> Task:
    """Return the task that a setup describes.

    Examples
    --------
    >>> task = task_of(setup_of("small", batch=2))
    >>> task.encoded.raster.shape
    (20, 2, 64)
    """
    shape, draw = SHAPES[setup.shape], np.random.default_rng(setup.seed)
    network = SpikingNetwork.sequential(
        shape.input_shape, shape.layers(setup.width), encoding=Bernoulli(setup.steps, _DT),
        seed=setup.seed, weight_gain=1.0,
    )  # fmt: skip
    size = (setup.steps, setup.batch, *shape.input_shape)
    raster = (draw.random(size, dtype=np.float32) < setup.activity).astype(np.int8)
    network = _scaled(network, torch.tensor(raster[:, :_FEW], dtype=torch.float32), setup.activity)
    labels = draw.integers(0, network.output.size, setup.batch)
    return Task(network, EncodedInput(raster=raster), labels)


@torch.no_grad()
def _scaled(network: SpikingNetwork, spikes: torch.Tensor, activity: float) -> SpikingNetwork:
    """Return the network with weights of a size that gives every layer some activity."""
    net = LayeredNet(network, plain_cells)
    for layer in net.chain:
        drawn = {name: weight.clone() for name, weight in layer.weights().items()}
        low, high = -2.0, 4.0  # exponents of the factor
        for _ in range(_ROUNDS if drawn else 0):
            middle = (low + high) / 2
            for name, weight in layer.weights().items():
                weight.copy_(torch.round(drawn[name] * 10**middle * 4096) / 4096)
            low, high = (middle, high) if layer(spikes).mean() < activity else (low, middle)
        spikes = layer(spikes)
    weights = {n: (w.numpy(), None) for layer in net.chain for n, w in layer.weights().items()}
    return network.with_weights(weights)
