"""A twin in place of its network, and a network in place of its twin, are refused by name."""

from __future__ import annotations

import re

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.perturbations import WeightQuantisation

X, Y = np.eye(3), np.arange(3)
DATA = bb.from_arrays("mine", X, Y)

TAKE_NETWORKS = {
    "simulate": lambda net: bb.simulate(net, X),
    "verify": lambda net: bb.verify(net, DATA),
    "calibrate": lambda net: bb.calibrate(net, DATA, [WeightQuantisation(bits=8)]),
    "sensitivity": lambda net: bb.sensitivity(net, DATA),
    "save_network": lambda net: bb.save_network(net, "nothing.h5"),
    "to_torch": lambda net: bb.to_torch(net),
}


def network():
    layers = [bb.Dense(3, bb.neuron_model("lif"))]
    return bb.SpikingNetwork.sequential((3,), layers, encoding=bb.Current(5))


@pytest.mark.parametrize("function", TAKE_NETWORKS)
def test_a_twin_is_no_network(function):
    message = "a twin was given in place of its network; give bb.write_back(twin)"
    with pytest.raises(bb.InputError, match=re.escape(message)):
        TAKE_NETWORKS[function](bb.to_torch(network()))
    with pytest.raises(bb.InputError, match="a str was given in place of a network; give a Spik"):
        TAKE_NETWORKS[function]("network.h5")


def test_a_network_is_no_twin():
    message = "train: a SpikingNetwork was given in place of a twin; give bb.to_torch(network)"
    with pytest.raises(bb.InputError, match=re.escape(message)):
        bb.train(network(), DATA, epochs=1)
