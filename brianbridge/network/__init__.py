"""Spiking networks as plain frozen data, owned by neither torch nor Brian2.

`population` and `projection` hold the parts, `structure` joins them, `checks` refuses parts that do
not fit, `network` is the checked network. Kinds of connection live in `connections`, layers in
`layers`, network files in `files` and `layer_files`. This package may import `brianbridge.neurons`
and `brianbridge.encoding`. A new kind of connection is a new file in `connections`.
"""

from brianbridge.network.connections import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Pairs,
    Sparse,
    TransposedConvolution,
)
from brianbridge.network.fold import fold_batch_norm
from brianbridge.network.layers import (
    AvgPool2d,
    Connected,
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
from brianbridge.network.network import SpikingNetwork
from brianbridge.network.pooling import Pooling
from brianbridge.network.population import INPUT, Population
from brianbridge.network.projection import Failure, Projection
from brianbridge.network.readouts import READOUTS, OutputRun, Readout
from brianbridge.network.structure import Schedule

__all__ = [
    "INPUT",
    "READOUTS",
    "AllToAll",
    "AvgPool2d",
    "Connected",
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
    "OutputRun",
    "Pairs",
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
