"""Layers of `SpikingNetwork.sequential`: short descriptions that make populations and projections.

`Dense` and `Conv2d` add a population of neurons, and `Connected` does with any kind of connection.
`AvgPool2d` and `SumPool2d` without neurons are linear and become part of the next projection; with
neurons they add a population that has its own threshold. `MaxPool2d` is for networks whose neurons
fire once: its neurons fire with the first spike of their window. `Residual`, `Recurrent` and
`Feedback` add a projection to the population before them. A new layer is a frozen dataclass with a
method ``build``; `LAYERS` gives it a name in files.
"""

from __future__ import annotations

from brianbridge.network.layers.connected import Connected
from brianbridge.network.layers.feedforward import Conv2d, Dense, Flatten
from brianbridge.network.layers.pooling import AvgPool2d, MaxPool2d, SumPool2d
from brianbridge.network.layers.recurrent import Feedback, Recurrent
from brianbridge.network.layers.residual import Residual
from brianbridge.network.layers.sequence import stack_layers
from brianbridge.network.layers.stack import Layer, Stack

__all__ = [
    "LAYERS",
    "AvgPool2d",
    "Connected",
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

#: The layers by their ``kind`` in files.
LAYERS: dict[str, type] = {
    "dense": Dense,
    "conv2d": Conv2d,
    "connected": Connected,
    "avg_pool2d": AvgPool2d,
    "sum_pool2d": SumPool2d,
    "max_pool2d": MaxPool2d,
    "flatten": Flatten,
    "residual": Residual,
    "recurrent": Recurrent,
    "feedback": Feedback,
}
