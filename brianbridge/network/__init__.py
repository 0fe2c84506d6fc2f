"""Spiking networks as plain frozen data: no weights are owned by torch or Brian2."""

from brianbridge.network.components import INPUT, Failure, Population, Projection
from brianbridge.network.connections import AllToAll, Connection, OneToOne, Sparse
from brianbridge.network.convolution import Convolution, Pooling, TransposedConvolution
from brianbridge.network.fold import fold_batch_norm
from brianbridge.network.layers import (
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    Flatten,
    Layer,
    MaxPool2d,
    Recurrent,
    Residual,
    SumPool2d,
)
from brianbridge.network.network import Schedule, SpikingNetwork
from brianbridge.network.readout import Readout

__all__ = [
    "INPUT",
    "AllToAll",
    "AvgPool2d",
    "Connection",
    "Conv2d",
    "Convolution",
    "Dense",
    "Failure",
    "Feedback",
    "Flatten",
    "Layer",
    "MaxPool2d",
    "OneToOne",
    "Pooling",
    "Population",
    "Projection",
    "Readout",
    "Recurrent",
    "Residual",
    "Schedule",
    "Sparse",
    "SpikingNetwork",
    "SumPool2d",
    "TransposedConvolution",
    "fold_batch_norm",
]
