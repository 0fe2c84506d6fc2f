"""The layers that `brianbridge.SpikingNetwork.sequential` chains.

>>> from brianbridge import layers
>>> layers.MaxPool2d(2)
MaxPool2d(size=2, stride=None)
"""

from brianbridge.network import (
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
    "SumPool2d",
]
