"""What cannot be learned is refused before any work, with a remedy."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from brian2 import NeuronGroup, linked_var, ms
from learning_networks import LIF, script, two_layers

import brianbridge as bb
from brianbridge.twin import Quantisation

REFUSED = {
    "there is no population 'hiddens'. Did you mean 'hidden'": {"hiddens": ["tau"]},
    "no parameter 'tua' to learn. Did you mean 'tau'": {"hidden": ["tua"]},
    "give the parameters of each population": ["tau"],
    "'hidden' = 'tau'; give a list": {"hidden": "tau"},
    "'hidden' = None; give a list": {"hidden": None},
    "twice": {"hidden": ["tau", bb.Learn("tau")]},
    "bb.Learn(name)": {"hidden": [3]},
    "low = 1 mV is not one value in second": {"hidden": [bb.Learn("tau", low="1 mV")]},
    "initial value 10 ms is not above 20 ms": {"hidden": [bb.Learn("tau", low="20 ms")]},
    "is not below": {"hidden": [bb.Learn("tau", low=20 * ms, high=5 * ms)]},
    "no values for each channel; give each = 'population' or 'neuron'": {
        "hidden": [bb.Learn("tau", each="channel")]
    },
    "'drive' is the drive": {"hidden": ["drive"]},
    "computes depends on 'theta'": {"output": ["theta"]},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_learned_is_refused(message):
    net = two_layers(readout="potential")
    with pytest.raises(bb.InputError, match=re.escape(message)):
        bb.to_torch(net, learn=REFUSED[message])


def test_values_that_differ_are_not_shared():
    net = two_layers(LIF.with_parameters(theta=np.linspace(1, 2, 5)))
    with pytest.raises(bb.InputError, match=r"would be shared differ; give each = 'neuron'"):
        bb.to_torch(net, learn={"hidden": ["theta"]})
    bb.to_torch(net, learn={"hidden": [bb.Learn("theta", each="neuron")]})


def test_a_parameter_of_unknown_size_needs_a_range():
    neuron = bb.neuron_model("adex", b="0 pA")
    assert bb.to_torch(two_layers(neuron), learn={"hidden": ["b"]})  # in the unit of the current w
    plain = bb.NeuronModel(
        "dv/dt = (-v + R*I)/tau : volt\nI : amp", threshold="v > 20*mV", reset="v = 0*volt",
        parameters={"R": "0 ohm", "tau": 10 * ms}, initial={"I": "1 nA"}, receive="v",
    )  # fmt: skip
    population = bb.connections.Population("output", (2,), plain)
    wires = bb.connections.Projection("input", "output", np.full((2, 4), 5e-3))
    net = bb.SpikingNetwork((4,), bb.Bernoulli(5), (population,), (wires,))
    with pytest.raises(bb.InputError, match=re.escape("give it a range, bb.Learn('R', low=...")):
        bb.to_torch(net, learn={"output": ["R"]})
    bb.to_torch(net, learn={"output": [bb.Learn("R", low="-1 Mohm", high="9 Mohm")]})


def test_the_threshold_of_a_grid_is_not_learned():
    net = two_layers()
    with pytest.raises(bb.InputError, match=r"'theta'.*grid"):
        bb.to_torch(net, quantisation=Quantisation(4), learn={"hidden": ["theta"]})
    bb.to_torch(net, quantisation=Quantisation(4), learn={"hidden": ["tau"]})


@pytest.mark.parametrize("name", ["v_th", "E_L"])
def test_nor_is_what_else_moves_it(name):
    volts = bb.NeuronModel(
        "dv/dt = (E_L - v)/tau : volt", threshold="v > v_th", reset="v = E_L", receive="v",
        initial={"v": "E_L"}, parameters={"E_L": "-70 mV", "v_th": "-50 mV", "tau": 10 * ms},
    )  # fmt: skip
    population = bb.connections.Population("output", (2,), volts)
    wires = bb.connections.Projection("input", "output", np.full((2, 4), 5e-3))
    net = bb.SpikingNetwork((4,), bb.Bernoulli(5), (population,), (wires,))
    with pytest.raises(bb.InputError, match=f"'{name}' of 'output' moves the threshold"):
        bb.to_torch(net, quantisation=Quantisation(4), learn={"output": [name]})
    bb.to_torch(net, quantisation=Quantisation(4), learn={"output": ["tau"]})
    bb.to_torch(net, learn={"output": [name]})
    frozen = replace(net, projections=(replace(wires, frozen=True),))
    bb.to_torch(frozen, quantisation=Quantisation(4), learn={"output": [name]})


def test_one_constant_of_a_namespace_does_not_become_many():
    theta = 1.0  # noqa: F841
    mine = script()
    net = bb.from_brian2(mine, steps=10, input="pixels")
    twin = bb.to_torch(net, learn={"cells": [bb.Learn("theta", each="neuron")]})
    before = dict(mine["cells"].namespace)
    with pytest.raises(bb.InputError, match=re.escape("declare 'theta : 1 (constant)'")):
        bb.write_back(twin, into=mine)
    assert mine["cells"].namespace == before
    other = script()
    other.remove(other["cells"])
    shorter = NeuronGroup(4, "dv/dt = -v/(5*ms) : 1", name="cells_2")
    one = bb.to_torch(net, learn={"cells": ["theta"]})
    with pytest.raises(bb.InputError, match="no group 'cells'"):
        bb.write_back(one, into=[*other.objects, shorter])


def test_the_initial_value_of_a_link_that_is_set_in_each_step_is_not_learned():
    source = NeuronGroup(1, "dx/dt = (1.2 - x)/(5*ms) : 1", method="exact", name="a_source")
    cells = NeuronGroup(
        3, "dv/dt = (y - v)/(10*ms) : 1\ny : 1 (linked)", threshold="v > 1", reset="v = 0",
        method="euler", name="cells",
    )  # fmt: skip
    cells.y = linked_var(source, "x", index=[0, 0, 0])
    net = bb.from_brian2([source, cells], steps=20 * ms, dt=0.5 * ms)
    with pytest.raises(bb.InputError, match="sets 'y' of population 'cells' in each step"):
        bb.to_torch(net, learn={"cells": ["y"]})
    twin = bb.to_torch(net, learn={"a_source": ["x"], "cells": ["v"]})  # the remedy
    twin.run(*twin.encode(None)).spikes["cells"].sum().backward()
    assert all(p.grad is not None for p in twin.learned.parameters())
