"""The layers that `brianbridge.SpikingNetwork.sequential` chains.

>>> from brianbridge import layers
>>> layers.Flatten()
Flatten()
"""

from brianbridge.network import (
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

__all__ = [
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
    "SumPool2d",
]
