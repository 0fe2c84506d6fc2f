"""The validation loss is that of what training sees, so that both can be compared."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.datasets import load_dataset, train_validation
from brianbridge.encoding import Current
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import LeakyBackprop, MultiThreshold, SurrogateGradient
from brianbridge.training import train
from brianbridge.twin.network import to_torch

DATA = load_dataset("digits").train.subset(np.arange(200))


@pytest.mark.parametrize(
    ("rule", "model", "factor"),
    [
        (SurrogateGradient(gain=3.0), "lif_zero", 3.0),
        (MultiThreshold(gain=0.5), "multi_threshold_lif", 0.5),
        (LeakyBackprop(gain=2.0), "lif_zero", 2.0 * np.exp(-1 / 10) / 6),
    ],
)
def test_the_validation_loss_is_scaled_as_the_training_loss_is(rule, model, factor):
    layers = [Dense(units, neuron_model(model, parameters={"tau": "10 ms"})) for units in (12, 10)]
    net = SpikingNetwork.sequential((8, 8), layers, encoding=Current(6), readout="potential")
    twin = to_torch(net, dtype=torch.float64)
    found = train(twin, DATA, rule, epochs=1, validation_fraction=0.2, seed=3)
    _, held_out = train_validation(DATA, 0.2, 3)
    with torch.no_grad():
        expected = rule.loss(factor * twin(held_out.x), torch.as_tensor(held_out.y)).item()
    assert found.curve["validation_loss"] == pytest.approx([expected], rel=1e-9)
