"""The spiking network: what it holds, and everything that cannot be a network."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Population, Projection, SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

LEAKY = "dv/dt = -v/tau + I : 1\nI : Hz"
TAU = {"tau": 10 * ms}
LIF = neuron_model("lif")
SILENT = NeuronModel(LEAKY, drive="I", parameters=TAU, name="silent")
UNDRIVEN = NeuronModel("dv/dt = -v/tau : 1", emit="int(v > 1)", parameters=TAU, name="undriven")
DEAF = NeuronModel(
    LEAKY, emit="int(v > 1)", drive="I", receive="", parameters=TAU, name="deaf"
)  # fmt: skip

A, B = Population("a", (3,), LIF), Population("b", (2,), LIF)
INTO_A = Projection("input", "a", np.ones((3, 4)))
A_TO_B = Projection("a", "b", np.ones((2, 3)))


def build(*parts, encoding=None, **options) -> SpikingNetwork:
    """Build a network of four inputs from populations and projections."""
    populations = tuple(part for part in parts if isinstance(part, Population))
    projections = tuple(part for part in parts if isinstance(part, Projection))
    return SpikingNetwork((4,), encoding or Current(5), populations, projections, **options)


def chain(*layers, shape=(4,), encoding=None, **options) -> SpikingNetwork:
    return SpikingNetwork.sequential(shape, layers, encoding=encoding or Current(5), **options)


# ---------------------------------------------------------------------- what it is


def test_a_chain_of_layers_is_named_from_input_to_output():
    net = chain(Dense(5, LIF), Dense(6, LIF), Dense(2, LIF), shape=(2, 3))
    assert [p.name for p in net.populations] == ["hidden1", "hidden2", "output"]
    assert [p.weight.shape for p in net.projections] == [(5, 6), (6, 5), (2, 6)]
    assert net.output is net.population("output")
    assert (net.steps, net.dt) == (5, 1e-3)
    assert [p.name for p in net.incoming("hidden2")] == ["hidden1_to_hidden2"]


def test_initial_weights_follow_the_seed_and_the_fan_in():
    one, same, other = (chain(Dense(50, LIF), seed=seed) for seed in (1, 1, 2))
    weight = one.projections[0].weight
    np.testing.assert_array_equal(weight, same.projections[0].weight)
    assert not np.array_equal(weight, other.projections[0].weight)
    assert weight.dtype == np.float32
    assert 0.45 < np.abs(weight).max() <= 0.5  # 1/sqrt(4)


def test_an_output_read_by_its_potential_does_not_fire():
    net = chain(Dense(3, LIF), Dense(2, SILENT), readout="potential")
    assert [p.name for p in net.firing] == ["hidden"]
    assert not net.fires("output")


def test_plain_lists_and_numbers_will_do():
    net = build(A, Projection("input", "a", [[1, 2, 3, 4]] * 3, [0, 1, 2]))
    assert net.projections[0].weight.shape == (3, 4)
    assert Population("c", 5, LIF).shape == (5,)
    assert chain(Dense(2, LIF), shape=4).input_shape == (4,)


def test_weights_in_the_order_of_brian2s_synapses():
    projection = Projection("input", "a", np.arange(12.0).reshape(3, 4))
    assert projection.synapses((4,), (3,)).weight.tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]


def test_other_weights_and_more_provenance():
    net = build(A, INTO_A, provenance={"seed": 1})
    changed = net.with_weights({"input_to_a": (np.zeros((3, 4)), np.ones(3))}, rule="none")
    assert changed.projections[0].bias.tolist() == [1, 1, 1]
    assert changed.provenance == {"seed": 1, "rule": "none"}
    assert net.projections[0].weight.all()


@pytest.mark.parametrize("readout", ["counts", "potential"])
def test_a_description_survives_json(readout):
    net = chain(Dense(3, LIF, bias=False), Dense(2, neuron_model("cuba_lif")), readout=readout,
                encoding=Bernoulli(5, seed=3))  # fmt: skip
    arrays = {
        p.name: {k: v for k, v in (("weight", p.weight), ("bias", p.bias)) if v is not None}
        for p in net.projections
    }
    entry = json.loads(json.dumps(net.to_dict()))
    again = SpikingNetwork.from_dict(entry, arrays, {})
    assert again.to_dict() == net.to_dict()
    assert again.projections[0].bias is None
    np.testing.assert_array_equal(again.projections[1].weight, net.projections[1].weight)


def test_the_gain_of_a_constant_input():
    net = chain(Dense(2, LIF), Dense(2, neuron_model("if")), encoding=Current(5, 2 * ms))
    assert input_gain(net, "hidden") == pytest.approx(-10e-3 * np.expm1(-0.2))
    assert input_gain(net, "output") == 2e-3
    undriven = chain(Dense(2, UNDRIVEN, bias=False), encoding=Bernoulli(5))
    assert input_gain(undriven, "output") is None


def test_a_drive_that_drives_nothing_is_named(refused):
    idle = NeuronModel("dv/dt = -v/tau : 1\nI : Hz", emit="int(v > 1)", drive="I", parameters=TAU)
    with refused("population 'output'", "'I'", "no differential equation"):
        input_gain(chain(Dense(2, idle)), "output")


# ---------------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], ["at least one population"]),
        ([A, A, INTO_A], ["two populations are called 'a'"]),
        ([A, B, INTO_A], ["no projection leads to population 'b'"]),
        ([A, B, INTO_A, A_TO_B, A_TO_B], ["two projections are called 'a_to_b'"]),
        ([A, B, INTO_A, Projection("aa", "b", np.ones((2, 3)))], ["no population 'aa'", "'a'?"]),
        ([A, INTO_A, Projection("a", "bb", np.ones((2, 3)))], ["no population 'bb'"]),
        ([A, INTO_A, Projection("a", "a", np.ones((3, 3)))], ["'a_to_a'", "earlier to a later"]),
        ([A, B, INTO_A, Projection("b", "a", np.ones((3, 2)))], ["'b_to_a'", "earlier to a later"]),
        ([A, Projection("a", "input", np.ones((4, 3)))], ["'a_to_input' leads to the input"]),
        ([A, Projection("input", "a", np.ones((4, 3)))], ["'input_to_a'", "(4, 3)", "(3, 4)"]),
        ([A, Projection("input", "a", np.ones((3, 4)), np.ones(4))], ["bias", "(4,)", "(3,)"]),
        ([A, Projection("input", "a", np.full((3, 4), np.nan))], ["weight[0, 0] is not finite"]),
        (
            [A, Projection("input", "a", np.ones((3, 4)), np.array([0, np.inf, 0]))],
            ["bias[1] is not finite"],
        ),
        ([A, Projection("input", "a", np.full((3, 4), "1"))], ["weight", "real numbers"]),
        ([A, Projection("input", "a", np.ones((3, 4)) * 1j)], ["complex128", "real numbers"]),
    ],
)
def test_parts_that_do_not_fit_are_refused(refused, parts, said):
    with refused(*said):
        build(*parts)


@pytest.mark.parametrize(
    ("layers", "options", "said"),
    [
        ([], {}, ["at least one layer"]),
        ([Dense(0, LIF)], {}, ["population 'output'", "(0,)"]),
        ([Dense(2.5, LIF)], {}, ["population 'output'", "(2.5,)"]),
        ([Dense(2, LIF, name="x"), Dense(2, LIF, name="x")], {}, ["called 'x'"]),
        ([Dense(2, LIF)], {"readout": "count"}, ["readout 'count'", "Did you mean 'counts'?"]),
        ([Dense(2, LIF)], {"shape": (0,)}, ["the input has the shape (0,)"]),
        ([Dense(2, LIF)], {"shape": (4, -1)}, ["the input has the shape (4, -1)"]),
        ([Dense(2, LIF)], {"shape": (2.5,)}, ["the input has the shape (2.5,)"]),
        ([Dense(2, LIF)], {"shape": "ab"}, ["the input has the shape 'ab'"]),
        ([Dense(2, UNDRIVEN)], {}, ["'undriven' has no drive", "bias = false"]),
        ([Dense(2, UNDRIVEN)], {"encoding": Bernoulli(5)}, ["'undriven' has no drive"]),
        ([Dense(2, LIF), Dense(2, DEAF)], {}, ["'hidden_to_output'", "'deaf' receives none"]),
        ([Dense(2, SILENT), Dense(2, LIF)], {}, ["population 'hidden' never fires", "emit"]),
        ([Dense(2, SILENT)], {}, ["population 'output' never fires", "readout 'potential'"]),
        ([Dense(2, SILENT)], {"readout": "first_spike"}, ["population 'output' never fires"]),
        (
            [Dense(3, LIF.with_parameters(tau=[5, 10] * ms))],
            {},
            ["population 'output'", "'tau'", "2 values for 3 neurons"],
        ),
    ],
)
def test_layers_that_make_no_network_are_refused(refused, layers, options, said):
    with refused(*said):
        chain(*layers, **options)


@pytest.mark.parametrize("name", ["", "input", "a b", "1st", "a.b", "a/b"])
def test_names_that_name_no_population_are_refused(refused, name):
    with refused(f"'{name}' cannot name a population"):
        Population(name, (2,), LIF)


@pytest.mark.parametrize("shape", [(), (0,), (2, -1), (True,)])
def test_shapes_of_no_population_are_refused(refused, shape):
    with refused("population 'a'", "shape"):
        Population("a", shape, LIF)


def test_names_are_looked_up_with_a_suggestion(refused):
    net = chain(Dense(3, LIF), Dense(2, LIF))
    with refused("no population 'hiden'", "Did you mean 'hidden'?"):
        net.population("hiden")
    with refused("no projection 'hidden_output'", "Did you mean 'hidden_to_output'?"):
        net.with_weights({"hidden_output": (np.ones((2, 3)), None)})
    with refused("'input_to_hidden' has no weights"):
        SpikingNetwork.from_dict(net.to_dict(), {}, {})


def test_no_population_is_called_as_the_input():
    with pytest.raises(InputError, match="'input' cannot name a population"):
        replace(A, name="input")
