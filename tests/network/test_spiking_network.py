"""The spiking network: names, shapes, and everything that does not fit."""

import numpy as np
import pytest

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Population, Projection, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

IF = neuron_model("if")
NO_DRIVE = NeuronModel("dv/dt = 0*Hz : 1", emit="int(v >= 1)", reset="v -= emit", name="mute")


def chain(*units, **keywords):
    keywords = {"encoding": Current(5), **keywords}
    return SpikingNetwork.sequential((2, 3), [Dense(n, IF) for n in units], **keywords)


def test_names_of_populations_and_projections():
    assert [p.name for p in chain(4).populations] == ["output"]
    assert [p.name for p in chain(4, 3).populations] == ["hidden", "output"]
    net = chain(5, 4, 3)
    assert [p.name for p in net.populations] == ["hidden1", "hidden2", "output"]
    assert net.projections[0].name == "input_to_hidden1"
    assert net.population("hidden2").size == 4
    assert [p.source for p in net.incoming("hidden2")] == ["hidden1"]


def test_the_readout_decides_whether_the_output_fires():
    assert chain(4, 3).fires("output")
    net = chain(4, 3, readout="potential")
    assert not net.fires("output")
    assert [p.name for p in net.firing] == ["hidden"]


def test_initial_weights_are_seeded_and_bounded():
    one, same, other = chain(40, 3, seed=1), chain(40, 3, seed=1), chain(40, 3, seed=2)
    for a, b, c in zip(one.projections, same.projections, other.projections, strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)
        assert np.any(a.weight != c.weight)
        bound = 1 / np.sqrt(a.weight.shape[1])
        assert np.abs(a.weight).max() <= bound
        assert np.abs(a.weight).max() > 0.8 * bound


def test_dictionary_and_weights_rebuild_the_network():
    net = chain(4, 3, encoding=Bernoulli(7, dt=2e-3, gain=0.5), readout="potential")
    weights = {p.name: (p.weight, p.bias) for p in net.projections}
    again = SpikingNetwork.from_dict(net.to_dict(), weights, {})
    assert again.to_dict() == net.to_dict()
    assert again.populations[0].neuron == IF
    np.testing.assert_array_equal(again.projections[1].weight, net.projections[1].weight)


def test_with_weights_leaves_the_original_alone():
    net = chain(4, 3)
    before = net.projections[0].weight.copy()
    new = net.with_weights({"input_to_hidden": (before + 1, None)}, seed=3)
    np.testing.assert_array_equal(net.projections[0].weight, before)
    np.testing.assert_array_equal(new.projections[0].weight, before + 1)
    assert new.provenance == {"seed": 3}
    assert net.provenance == {}


def test_weights_go_to_brian2_source_by_source():
    projection = Projection("a", "b", np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(projection.brian2_weights().ravel(), [0, 3, 1, 4, 2, 5])


def pair(weight, bias=None, source="input", target="output", neuron=IF, **keywords):
    return SpikingNetwork(
        (3,), Current(2), (Population("output", (2,), neuron),),
        (Projection(source, target, weight, bias),), **keywords,
    )  # fmt: skip


NAN = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pair(np.ones((3, 2))), r"shape \(3, 2\); 3 inputs and 2 outputs need \(2, 3\)"),
        (lambda: pair(np.ones((2, 3)), np.ones(3)), r"bias has shape \(3,\)"),
        (lambda: pair(NAN), r"weight\[1, 1\] is not finite"),
        (lambda: pair(np.ones((2, 3)), np.array([0, np.inf])), r"bias\[1\] is not finite"),
        (lambda: pair(np.ones((2, 3)), source="inptu"), "Did you mean 'input'"),
        (lambda: pair(np.ones((2, 2)), source="output"), "from an earlier to a later"),
        (lambda: pair(np.ones((2, 3)), neuron=NO_DRIVE), "names no drive"),
        (lambda: pair(np.ones((2, 3)), readout="rate"), "no readout 'rate'"),
        (lambda: SpikingNetwork((3,), Current(2), (), ()), "at least one population"),
        (lambda: chain(), "at least one layer"),
        (lambda: chain(0), "has the shape"),
        (lambda: chain(4, 3).population("hiden"), "Did you mean 'hidden'"),
        (lambda: Population("input", (2,), IF), "cannot name a population"),
        (lambda: Population("two words", (2,), IF), "cannot name a population"),
        (lambda: Population("empty", (0,), IF), "has the shape"),
        (
            lambda: SpikingNetwork((3,), Current(2), (Population("a", (2,), IF),), ()),
            "no projection leads to population 'a'",
        ),
        (
            lambda: SpikingNetwork.sequential(
                (3,), [Dense(2, IF, name="a"), Dense(2, IF, name="a")], encoding=Current(2)
            ),
            "two populations are called 'a'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_a_model_without_drive_may_still_get_spikes():
    layer = Dense(2, NO_DRIVE, bias=False)
    net = SpikingNetwork.sequential((3,), [layer], encoding=Bernoulli(2))
    assert net.projections[0].bias is None
