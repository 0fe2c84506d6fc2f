"""Digits, and a twin to train on them."""

from dataclasses import replace

import numpy as np

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Current
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.twin.network import to_torch


def digits(number=120):
    return load_dataset("digits", seed=1).train.subset(np.arange(number))


def digits_twin(dtype=None, pooling=None, **options):
    neuron = neuron_model("if")
    layers = [Conv2d(4, 3, neuron), AvgPool2d(2, pooling), Dense(12, neuron), Dense(10, neuron)]
    net = SpikingNetwork.sequential(
        (1, 8, 8), layers, encoding=Current(5), readout="potential", seed=1, weight_gain=2.0
    )
    return to_torch(net, dtype=dtype, **options)


def image_data(number=120):
    data = digits(number)
    return replace(data, x=data.x[:, None])
