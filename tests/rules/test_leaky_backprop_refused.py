"""`leaky_backprop` refuses networks and options that it cannot train with."""

import math

import pytest

from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import LeakyBackprop, learning_rule


def test_loops_and_an_output_that_fires_are_refused():
    lif = neuron_model("lif_zero")
    layers = [Dense(3, lif), Dense(2, lif)]
    firing = SpikingNetwork.sequential((2,), layers, encoding=Current(4))
    with pytest.raises(InputError, match="give readout = 'potential'"):
        LeakyBackprop().check(firing)
    layers.insert(1, Recurrent())
    loop = SpikingNetwork.sequential((2,), layers, encoding=Current(4), readout="potential")
    with pytest.raises(InputError, match="which feedback does not allow"):
        LeakyBackprop().check(loop)


@pytest.mark.parametrize("model", ["ternary_if", "multi_threshold_lif"])
def test_spikes_of_other_values_than_one_are_refused(model):
    layers = [Dense(3, neuron_model(model)), Dense(2, neuron_model("lif_zero"))]
    net = SpikingNetwork.sequential((2,), layers, encoding=Current(4), readout="potential")
    with pytest.raises(InputError, match=f"'{model}' may have other values"):
        LeakyBackprop().check(net)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"credit": "counts"}, "credit = 'counts'. Did you mean 'count'"),
        ({"loss_function": "mse"}, "loss_function = 'mse'. Choose from"),
        ({"gain": 0.0}, "gain = 0.0"),
        ({"gain": math.nan}, "gain = nan"),
        ({"gain": math.inf}, "gain = inf"),
        ({"corection": False}, "Did you mean 'correction'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        learning_rule("leaky_backprop", **options)
