"""Errors of a network that cannot be read name a remedy, and the remedy works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    Synapses,
    linked_var,
    ms,
    set_device,
)
from brian2.devices import reset_device
from brian2_objects import FIRING, LEAKY, cells, pixels, wires

import brianbridge as bb

PULLED = "dv/dt = (x - v)/(10*ms) : 1"


def read(*objects: Any, **options: Any) -> bb.SpikingNetwork:
    return bb.from_brian2(list(objects), **{"steps": 10, **options})


def end_of(net: bb.SpikingNetwork) -> np.ndarray:
    """Return the potentials of the last population at the end of a run of the twin."""
    twin = bb.to_torch(net, dtype=torch.float64)
    traces = twin.record(np.zeros((1, 1)), record=("spikes", "v")).traces
    return traces[net.output.name]["v"][-1, 0]


@pytest.mark.parametrize("line", ["x : 1 (shared)", "x = 2*t/second : 1 (shared)"])
def test_a_shared_variable(line):
    def group(text: str) -> NeuronGroup:
        built = cells(equations=f"{PULLED}\n{text}", method="euler")
        if "=" not in text:
            built.x = 0.5
        built.v = [0.1, 0.2, 0.3]
        return built

    own = group(line)
    found = end_of(read(own))
    np.testing.assert_array_equal(found, end_of(read(group(line.removesuffix(" (shared)")))))
    Network(own).run(1 * ms)
    np.testing.assert_allclose(found, own.v, rtol=1e-12)


def test_a_linked_variable(refused):
    one = cells()
    other = cells(
        name="lk", equations=f"{PULLED}\nx : 1 (linked)", method="euler", reset="v = 0.1*x"
    )
    other.x = linked_var(one, "v")
    with refused("group 'lk': linked variable 'x' follows 'v' of 'cells'", "into this group"):
        read(one, other)
    both = f"{PULLED}\ndx/dt = -x/(10*ms) : 1"
    assert read(cells(name="both", equations=both)).output.neuron.state_variables == ("v", "x")


@pytest.mark.parametrize("place", ["equations", "threshold", "reset", "refractory"])
def test_the_index_of_a_neuron(place):
    def group(i: str, extra: str = "") -> NeuronGroup:
        options: dict[str, Any] = {
            "equations": f"dv/dt = ({i} - v)/(10*ms) : 1{extra}", "threshold": f"v > {i}",
            "reset": f"v = -{i}", "refractory": f"{i}*ms",
        }  # fmt: skip
        plain = {"equations": LEAKY + extra, "threshold": "v > 1", "reset": "v = 0"}
        built = cells(**{**plain, place: options[place]})
        built.v = 1.5
        return built

    declared = group("index", "\nindex : 1 (constant)")
    declared.index = "i"
    own = group("i")
    found = end_of(read(own))
    np.testing.assert_array_equal(found, end_of(read(declared)))
    Network(own).run(1 * ms)
    np.testing.assert_allclose(found, own.v, rtol=1e-12)


def test_the_number_of_neurons():
    declared = cells(equations="dv/dt = (1/number - v)/(10*ms) : 1")
    net = read(declared, namespace={"number": 3})
    assert net.output.neuron.parameters == {"number": 3}
    own = cells(equations="dv/dt = (1/N - v)/(10*ms) : 1")
    np.testing.assert_array_equal(end_of(read(own)), end_of(net))
    assert 0 < end_of(net)[0] < 1 / 3


@pytest.mark.parametrize("fed", [True, False])
def test_a_group_that_is_called_input(refused, fed):
    source = pixels()

    def objects(name: str) -> list[Any]:
        group = cells(name=name)
        return [source, group, wires(source if fed else group, group, name=f"to_{name}")]

    with refused(
        "'input' (NeuronGroup) has the name that the input of every network has", "rename"
    ):
        read(*objects("input"), input=source)
    assert read(*objects("renamed"), input=source).output.name == "renamed"
    alone = cells(name="input")
    assert read(alone, cells(name="others"), input="input").output.name == "others"


def test_several_groups_with_names_of_ours(refused):
    with refused("objects of its own that are called 'presenter' and 'a_spikes'", "rename"):
        read(cells(name="presenter"), cells(name="a_spikes"), cells(name="a"))
    assert len(read(cells(name="presenters"), cells(name="a_spiked")).populations) == 2


def test_a_shared_weight_is_one_trained_number():
    def train(model: str) -> tuple[Synapses, bb.SpikingNetwork]:
        group = cells()
        one = wires(group, group, model=model)
        one.w = 0.5
        twin = bb.to_torch(read(group, one))
        for weight in twin.parameters():
            assert weight.shape == ((1,) if "shared" in model else (3,))
            weight.data += 1
        return one, bb.write_back(twin, into=[group, one])

    one, _ = train("w : 1 (shared)")
    assert float(one.w[:]) == 1.5
    one, _ = train("w : 1")
    assert one.w[:].tolist() == [1.5] * 3


@pytest.mark.parametrize("kind", [PoissonGroup, SpikeGeneratorGroup])
def test_two_groups_of_given_spikes(kind):
    def given(n: int, name: str) -> Any:
        if kind is PoissonGroup:
            return PoissonGroup(n, 10 * Hz, name=name)
        return SpikeGeneratorGroup(n, [], [] * ms, name=name)

    a, b, group = given(2, "a"), given(3, "b"), cells()
    pair = {"pairs": {"i": [0, 1], "j": [0, 1]}}
    ends = [wires(a, group, name="of_a", **pair), wires(b, group, name="of_b", **pair)]
    net = read(a, b, group, *ends, input=["a", "b"])
    assert net.input_shape == (5,)
    assert [p.connection.source.tolist() for p in net.projections] == [[0, 1], [2, 3]]
    assert read(a, b, group, *ends, input="a").input_shape == (2,)


def test_a_standalone_script_is_read_on_the_runtime_device(refused, tmp_path):
    def script() -> Network:
        group = NeuronGroup(3, LEAKY, name="cells", **FIRING)
        group.v = "rand()"
        one = Synapses(group, group, "w : 1", on_pre="v += w", name="wires")
        one.connect(p=0.5)
        return Network(group, one)

    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    try:
        with refused("'cpp_standalone'", "reset_device(), and build the network again"):
            bb.from_brian2(script(), steps=10)
    finally:
        reset_device()
    assert bb.from_brian2(script(), steps=10).output.size == 3
