"""Layers and projections that cannot be are refused with a remedy, before any work."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms
from layer_chains import DEAF, LIF, chain

from brianbridge.encoding import Bernoulli, Current
from brianbridge.network import (
    AllToAll,
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    MaxPool2d,
    OneToOne,
    Population,
    Projection,
    Recurrent,
    Residual,
    Sparse,
    SpikingNetwork,
    SumPool2d,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.twin.network import to_torch

CONV = Conv2d(3, 2, LIF)


@pytest.mark.parametrize(
    ("layers", "options", "said"),
    [
        ([Conv2d(3, 8, LIF)], {}, ["layer 'output'", "(8, 8)", "padded input (7, 5)"]),
        ([Conv2d(3, 3, LIF, dilation=3)], {}, ["spans (7, 7)", "padded input (7, 5)"]),
        ([Conv2d(3, 3, LIF, groups=3)], {}, ["2 input channels", "3 groups"]),
        ([Conv2d(3, 3, LIF, groups=2)], {}, ["3 output channels", "2 groups"]),
        ([Conv2d(3, 3, LIF, stride=0)], {}, ["stride = 0"]),
        ([Conv2d(3, (2, 2, 2), LIF)], {}, ["kernel = (2, 2, 2)"]),
        ([Conv2d(0, 2, LIF)], {}, ["layer 'output'", "whole numbers"]),
        ([Conv2d((2, 3), 2, LIF)], {}, ["channels = (2, 3)"]),
        ([Conv2d(3, 2, LIF)], {"shape": (9,)}, ["layer 'output'", "(9,)", "not an image"]),
        ([Dense(4, LIF), CONV], {}, ["(4,) is not an image"]),
        ([AvgPool2d(8), Dense(2, LIF)], {}, ["padded input (7, 5)"]),
        ([AvgPool2d(2)], {}, ["last layer is a pooling without neurons"]),
        ([CONV, SumPool2d(2)], {}, ["last layer is a pooling without neurons"]),
        ([AvgPool2d(2), SumPool2d(2), Dense(2, LIF)], {}, ["two poolings in a row"]),
        ([AvgPool2d(2), MaxPool2d(2), Dense(2, LIF)], {}, ["two poolings in a row"]),
        ([CONV, MaxPool2d(2), Dense(2, LIF)], {}, ["'pool1'", "fire once", "'lif'", "AvgPool2d"]),
        ([CONV, AvgPool2d(2), Recurrent(), Dense(2, LIF)], {}, ["follow a layer with neurons"]),
        ([Recurrent(), Dense(2, LIF)], {}, ["a recurrent projection must follow a layer"]),
        ([Residual("input"), CONV], {}, ["residual from 'input' must follow a layer"]),
        ([CONV, Residual("conv2")], {}, ["no earlier population 'conv2'"]),
        ([CONV, Residual("output")], {}, ["'output_to_output'", "a loop without delay"]),
        ([CONV, CONV, Feedback("conv3")], {}, ["no earlier population 'conv3'", "'conv1'?"]),
        ([CONV, CONV, Feedback("conv1", 4)], {}, ["transposed convolution", "(3, 6, 4)"]),
        ([CONV, Conv2d(4, 1, LIF, padding=1), Residual("conv1")], {}, ["to (4, 6, 4)"]),
        (
            [CONV, Conv2d(4, 3, LIF, stride=2), Residual("conv1", learned=False)], {},
            ["residual from 'conv1'", "stride (3, 4) does not give the shape (4, 2, 1)", "learned"],
        ),
        ([Dense(2, LIF, delay=1.4 * ms)], {}, ["delay = 1.4 ms", "step of 1 ms", "is 1 ms"]),
        ([Dense(2, LIF, delay=1.6e-3)], {}, ["delay = 1.6 ms", "nearest is 2 ms"]),
        ([Dense(2, LIF, delay=-1e-3)], {}, ["delay of projection 'input_to_output'", "below 0"]),
        ([Dense(2, LIF, delay="1 mV")], {}, ["delay of projection 'input_to_output'"]),
        ([Dense(2, LIF, delay=1 * ms)], {"encoding": Current(3)}, ["constant", "drop the delay"]),
        ([Dense(2, LIF), Recurrent(delay=0.5 * ms)], {}, ["delay = 0.5 ms", "not a multiple"]),
        (
            [Dense(2, LIF), Recurrent()], {"readout": "potential"},
            ["'output_to_output'", "does not fire", "readout 'counts'"],
        ),
        ([Dense(2, DEAF, bias=False)], {}, ["'deaf' receives none"]),
    ],
)  # fmt: skip
def test_layers_that_cannot_be(refused, layers, options, said):
    with refused(*said):
        chain(*layers, **options)


A, B = Population("a", (2,), LIF), Population("b", (2,), LIF)
INTO = (Projection("input", "a", np.ones((2, 4))), Projection("a", "b", np.ones((2, 2))))
BACK = Projection("b", "a", np.ones((2, 2)))


@pytest.mark.parametrize(
    ("more", "options", "said"),
    [
        (BACK, {}, ["'b_to_a'", "a loop without delay", "feedback = True"]),
        (
            Projection("b", "b", np.ones(2), None, OneToOne(), delay=1 * ms), {},
            ["'b_to_b'", "a loop without delay"],
        ),
        (
            Projection("a", "b", np.ones((2, 2)), feedback=True, label="again"), {},
            ["'a_to_b_again' leads to a later population", "not feedback"],
        ),
        (
            Projection("input", "b", np.ones((2, 4)), feedback=True), {},
            ["'input_to_b' leads to a later population"],
        ),
        (
            Projection("b", "a", np.ones((2, 2)), feedback=True), {"schedule": "default"},
            ["'b_to_a'", "no feedback needs to be declared"],
        ),
        (BACK, {"schedule": "defaul"}, ["no schedule 'defaul'", "'default'"]),
        (
            Projection("a", "b", np.ones((2, 2)), receive="drives", label="x"), {},
            ["cannot add to 'drives'", "'lif'", "Did you mean 'drive'?"],
        ),
        (
            Projection("a", "b", np.ones(1), None, Sparse([0], [1], [1.5e-3]), label="x"), {},
            ["'a_to_b_x': delay = 1.5 ms", "not a multiple"],
        ),
    ],
)  # fmt: skip
def test_projections_that_cannot_be(refused, more, options, said):
    with refused(*said):
        SpikingNetwork((4,), Bernoulli(3), (A, B), (*INTO, more), **options)


def test_loops_are_allowed_where_they_are_declared_or_no_matter():
    declared = Projection("b", "a", np.ones((2, 2)), feedback=True)
    assert SpikingNetwork((4,), Bernoulli(3), (A, B), (*INTO, declared)).has_loops
    free = SpikingNetwork((4,), Bernoulli(3), (A, B), (*INTO, BACK), schedule="default")
    assert free.has_loops
    assert free.delay_steps(BACK) == 0
    assert isinstance(BACK.connection, AllToAll)


def test_a_delay_is_one_time(refused):
    with refused("delay of projection 'a_to_b'", "not a time"):
        Projection("a", "b", np.ones((2, 2)), delay=[1e-3, 2e-3])


def test_a_name_of_torch_is_refused(refused):
    with refused("population 'keys'", "torch"):
        to_torch(chain(Dense(2, LIF, name="keys")))


def test_layers_of_a_user_number_their_populations_by_their_own_prefix():
    class Ring(Dense):
        prefix = "ring"

    lif = neuron_model("lif")
    net = SpikingNetwork.sequential(
        (4,), [Ring(3, lif), Dense(5, lif), Ring(3, lif), Dense(2, lif)], encoding=Current(5)
    )
    assert [p.name for p in net.populations] == ["ring1", "hidden", "ring2", "output"]
