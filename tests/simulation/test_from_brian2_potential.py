"""The membrane potential of a network that was read, whatever it is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, ms, mV
from brian2_objects import cells, wires

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.perturbations import BackgroundCurrent, Condition, perturbed


def free(name: str, unit: str = "1", others: str = "") -> NeuronGroup:
    """Return neurons without a threshold, whose synaptic variable is called ``ge``."""
    return NeuronGroup(
        2, f"d{name}/dt = (ge - {name})/(10*ms) : {unit}\ndge/dt = -ge/(5*ms) : {unit}\n{others}",
        name="free", method="exact",
    )  # fmt: skip


def read(group: NeuronGroup, **options: Any) -> tuple[bb.SpikingNetwork, Network]:
    """Read a network in which three neurons excite a group."""
    source = cells()
    source.v = [2, 3, 4]
    one = wires(source, group, "ge += w*unit", namespace={"unit": options.pop("unit", 1)})
    one.w = [1, 2, 3]
    network = Network(source, group, one)
    return bb.from_brian2(network, steps=20, readout="potential", **options), network


def at_the_end(net: bb.SpikingNetwork) -> np.ndarray:
    return bb.to_torch(net, dtype=torch.float64).record(np.zeros((1, 1))).output[0]


@pytest.mark.parametrize("name", ["vm", "V", "Vm", "v"])
@pytest.mark.parametrize(("unit", "factor"), [("1", 1), ("volt", mV)])
def test_it_is_read_whatever_it_is_called(name, unit, factor):
    net, network = read(free(name, unit), unit=factor)
    assert net.output.neuron.potential == name
    assert net.output.neuron.receive == "ge"
    network.run(2 * ms)
    theirs = np.asarray(getattr(network["free"], name))
    assert theirs.all()
    np.testing.assert_allclose(at_the_end(net), theirs, rtol=1e-12)
    np.testing.assert_allclose(
        bb.simulate(net, np.zeros((1, 1))).output[0], theirs, rtol=1e-12
    )  # fmt: skip


@pytest.mark.parametrize("potential", ["x", {"free": "x"}])
def test_it_is_named_where_it_is_not_clear(refused, tmp_path, potential):
    with refused("readout 'potential' needs", "neuron model 'free'", "'x' or 'ge'"):
        read(free("x"))
    net, network = read(free("x"), potential=potential)
    network.run(2 * ms)
    np.testing.assert_allclose(at_the_end(net), network["free"].x, rtol=1e-12)
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    assert again.output.neuron.potential == "x"
    np.testing.assert_array_equal(at_the_end(again), at_the_end(net))


def test_a_name_that_fits_nothing_is_refused(refused):
    with refused("potential: no group has a variable 'y'"):
        read(free("x"), potential="y")
    with refused("potential: the network has no group 'fre'", "'free'"):
        read(free("x"), potential={"fre": "x"})
    with refused("neuron model 'free': potential names 'y'"):
        read(free("x"), potential={"free": "y"})


def test_a_perturbation_asks_for_it_too(refused):
    equations = "dx/dt = (y - x)/(10*ms) : 1\ndy/dt = -y/(5*ms) : 1"
    group = cells(equations=equations, threshold="x > y + theta", reset="x = 0")
    current = BackgroundCurrent(0.1)
    options = {"steps": 5, "namespace": {"theta": 1.0}}
    net = bb.from_brian2([group], **options)
    with refused("perturbation 'background_current'", "'x' or 'y'"):
        perturbed(Condition(net), [current])
    named = bb.from_brian2([group], potential="x", **options)
    assert "+ background" in perturbed(Condition(named), [current]).network.output.neuron.equations


def test_training_in_volts_asks_for_it_too(refused):
    equations = "dx/dt = (y - x)/(10*ms) : volt\ndy/dt = -y/(5*ms) : volt"
    group = cells(equations=equations, threshold="x > y + 10*mV", reset="x = 0*mV")
    objects = [group, wires(group, group, "y += w", "w : volt")]
    data = from_arrays("mine", np.zeros((6, 1)), np.arange(6) % 3)
    options = {"epochs": 1, "validation_fraction": 0.0}
    with refused("training in natural units needs", "neuron model 'cells'", "potential = 'x'"):
        bb.train(bb.to_torch(bb.from_brian2(objects, steps=5)), data, **options)
    named = bb.to_torch(bb.from_brian2(objects, steps=5, potential="x"))
    assert bb.train(named, data, **options).best_epoch == 1
