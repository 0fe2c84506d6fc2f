"""Networks that exist in Brian2 are read as they are, and written back to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    NeuronGroup,
    PopulationRateMonitor,
    SpikeMonitor,
    StateMonitor,
    magic_network,
    ms,
    seed,
)
from brian2_objects import LEAKY, cells, pixels, wires

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, EncodedInput, Latency
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.reference.builder import build

# ---------------------------------------------------------------------- what is read


def test_every_part_is_read():
    source, a, b = pixels(), cells(), cells(4, "b", "dv/dt = (g - v)/tau : 1\ng : 1")
    tau = 5 * ms
    into = wires(source, a, name="into", delay=0.3 * ms)
    across = wires(a, b, "g += w/2", name="across")
    into.w, across.w = [1, 2, 3], [4, 5, 6]
    a.v, b.g = [0.1, 0.2, 0.3], 0.5
    monitors = [SpikeMonitor(a), StateMonitor(a, "v", record=True), PopulationRateMonitor(a)]
    net = bb.from_brian2(Network(source, a, b, into, across, *monitors), steps=2 * ms,
                         input=source)  # fmt: skip
    assert net.schedule == "default"
    assert net.input_shape == (3,)
    assert net.encoding == Bernoulli(steps=20, dt=1e-4)
    assert [(p.name, p.shape) for p in net.populations] == [("cells", (3,)), ("b", (4,))]
    np.testing.assert_array_equal(net.population("cells").neuron.initial["v"], [0.1, 0.2, 0.3])
    assert net.population("b").neuron.parameters["tau"] == tau
    assert net.population("b").neuron.initial["g"] == 0.5
    first, second_one = net.projections
    assert first.name == "cells_to_b_across"
    assert second_one.name == "input_to_cells_into"
    np.testing.assert_array_equal(first.connection.source, [2, 0, 1])
    np.testing.assert_array_equal(first.connection.target, [0, 1, 1])
    np.testing.assert_array_equal(first.weight, [2, 2.5, 3])
    assert (first.receive, second_one.receive) == ("g", "v")
    assert (first.delay, second_one.delay) == (0, pytest.approx(0.3e-3))


@pytest.mark.parametrize(
    ("on_pre", "weight", "receive"),
    [
        ("v += w", [1, 2, 3], "v"),
        ("v_post += w", [1, 2, 3], "v"),
        ("v += w*2  # twice", [2, 4, 6], "v"),
        ("v -= 2*w/c", [-0.5, -1, -1.5], "v"),
        ("v += -(w)*exp(-1*ms/tau)", np.multiply([1, 2, 3], -np.exp(-0.1)), "v"),
        ("v += w*s", [10, 20, 30], "v"),
        ("v += 0.25", [0.25, 0.25, 0.25], "v"),
        ("v -= c", [-4, -4, -4], "v"),
        ("u += w*c*mV", [4e-3, 8e-3, 12e-3], "u"),
    ],
)
def test_what_a_spike_adds(on_pre, weight, receive):
    group = cells(equations="dv/dt = -v/tau : 1\ndu/dt = -u/tau : volt")
    one = wires(group, group, on_pre, "w : 1\ns : 1 (shared)")
    one.w, one.s = [1, 2, 3], 10
    namespace = {"c": 4.0, "tau": 10 * ms}
    net = bb.from_brian2([group, one], steps=10, namespace=namespace)
    np.testing.assert_allclose(net.projections[0].weight, weight, rtol=1e-15)
    assert net.projections[0].receive == receive


def test_constants_are_found_where_the_function_is_called():
    jump = 0.5
    group = cells()
    net = bb.from_brian2([group, wires(group, group, "v += jump")], steps=10)
    assert net.projections[0].weight.tolist() == [jump] * 3


def test_several_lines_and_pathways_become_projections():
    group = cells(equations="dv/dt = -v/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1")
    code = {"fast": "v += w; g += u", "slow": "g += s"}
    one = wires(group, group, code, "w : 1\nu : 1\ns : 1", delay={"slow": 1 * ms})
    one.w, one.u, one.s = 1, 2, 3
    net = bb.from_brian2([group, one], steps=10)
    found = {p.label: (p.receive, p.weight[0], p.delay) for p in net.projections}
    assert found == {
        "wires_fast_v": ("v", 1, 0), "wires_fast_g": ("g", 2, 0),
        "wires_slow_g": ("g", 3, pytest.approx(1e-3)),
    }  # fmt: skip


def test_parts_of_groups_are_counted_in_the_whole():
    group = cells(10)
    one = wires(group[4:7], group[2:4], pairs={"i": [0, 2], "j": [1, 0]})
    net = bb.from_brian2([group, one], steps=10)
    assert net.projections[0].connection.source.tolist() == [4, 6]
    assert net.projections[0].connection.target.tolist() == [3, 2]


def test_the_output_is_the_last():
    a, b, c = cells(name="a"), cells(name="b"), cells(name="c")
    both = [wires(b, a, name="ba"), wires(b, c, name="bc"), wires(a, c, name="ac")]
    objects = [c, b, a, *both, wires(c, c, name="cc")]
    assert bb.from_brian2(objects, steps=10).output.name == "c"
    assert bb.from_brian2(objects, steps=10, output="b").output.name == "b"
    assert bb.from_brian2(objects, steps=10, output=a).output.name == "a"
    names = [p.name for p in bb.from_brian2(Network(objects), steps=10, output=a).populations]
    assert names == ["b", "c", "a"]


def test_the_magic_network_is_read():
    group = cells()
    one = wires(group, group)  # noqa: F841 (Brian2 finds it)
    net = bb.from_brian2(magic_network, steps=10)
    assert [p.name for p in net.projections] == ["cells_to_cells_wires"]


def test_a_potential_is_read_of_neurons_without_threshold():
    group, free = cells(), NeuronGroup(2, LEAKY, name="free", method="exact")
    one = wires(group, free)
    one.w, group.v = 1, 2
    net = bb.from_brian2(Network(group, free, one), steps=10, readout="potential")
    output = bb.to_torch(net, dtype=torch.float64).record(np.zeros((1, 1))).output
    own = Network(group, free, one)
    own.run(1 * ms)
    np.testing.assert_allclose(output[0], free.v, rtol=1e-12)


def test_a_delay_is_rounded_as_brian2_rounds_it():
    group = cells()
    net = bb.from_brian2([group, wires(group, group, delay=0.26 * ms)], steps=10)
    assert net.delay_steps(net.projections[0]) == 3


@pytest.mark.parametrize("encoding", [Latency(10, dt=1e-4), Bernoulli(10, dt=1e-4, gain=0.2)])
def test_an_encoding_of_ones_own(encoding):
    source, group = pixels(), cells()
    objects = [source, group, wires(source, group)]
    assert bb.from_brian2(objects, steps=10, input="pixels", encoding=encoding).encoding == encoding


@pytest.mark.parametrize("model", ["lif", "ternary_if"])
def test_what_was_built_is_read_again(model):
    layers = [Dense(4, neuron_model(model), bias=False), Dense(2, neuron_model(model), bias=False)]
    net = SpikingNetwork.sequential((3,), layers, encoding=Bernoulli(20, signed=True))
    built = build(net, 1, dt=net.dt, schedule="default")
    again = bb.from_brian2(built.brian2, steps=20, input="input", encoding=net.encoding)
    x = np.random.default_rng(1).uniform(-1, 1, (5, 3))
    theirs = bb.simulate(net, x, schedule="default", backend=bb.Backend(path="reference"))
    ours = bb.to_torch(again, dtype=torch.float64).record(x)
    for name in ("hidden", "output"):
        np.testing.assert_array_equal(ours.spikes[name], theirs.spikes[name])


@pytest.mark.parametrize("method", ["exact", "euler", "rk4", "exponential_euler"])
@pytest.mark.parametrize("flag", ["", " (unless refractory)"])
def test_spikes_and_gradients_of_refractory_neurons(method, flag):
    seed(2)
    exact = method == "exact"
    pull = "2*g" if exact else "g*(3 - v)"
    group = cells(
        20, equations=f"dv/dt = ({pull} - v)/(10*ms) : 1{flag}\ndg/dt = -g/(5*ms) : 1",
        refractory=2 * ms, method=method,
    )  # fmt: skip
    group.v, group.g = "1.5*rand()", "4*rand()"
    one = wires(group, group, "g += w; v += u", "w : 1\nu : 1", pairs={"p": 0.2})
    one.w, one.u = "0.5*rand()", "0.1*rand()"
    monitor = SpikeMonitor(group)
    network = Network(group, one, monitor)
    net = bb.from_brian2(network, steps=300)
    network.run(30 * ms)
    twin = bb.to_torch(net, dtype=torch.float64)
    spikes = twin.run(*twin.as_tensors(EncodedInput(current=np.zeros((1, 1))))).spikes["cells"]
    ours = sorted(map(tuple, spikes[:, 0].detach().nonzero().tolist()))
    theirs = sorted(zip(np.rint(monitor.t / (0.1 * ms)).astype(int), monitor.i, strict=True))
    assert ours == theirs
    assert len(ours) >= 20
    spikes.sum().backward()
    for weight in twin.parameters():
        assert weight.grad is not None
        assert torch.isfinite(weight.grad).all()
        assert weight.grad.any()


# ---------------------------------------------------------------------- what is written


def read_and_change(objects: list[Any], **options: Any) -> SpikingNetwork:
    """Read objects, and return the network with 1, 2, ... added to its weights."""
    net = bb.from_brian2(objects, steps=10, **options)
    return net.with_weights(
        {p.name: (p.weight + np.arange(1.0, 1 + len(p.weight)), None) for p in net.projections}
    )


def test_weights_go_where_they_came_from(tmp_path):
    group = cells(equations="dv/dt = -v/(10*ms) : 1\ndg/dt = -g/(5*ms) : volt")
    one = wires(group, group, "v -= w/4; g += u*mV", "w : 1\nu : 1")
    one.w = [4, 8, 12]
    changed = read_and_change([group, one])
    bb.save_network(changed, tmp_path / "network.h5")
    for network in (changed, bb.load_network(tmp_path / "network.h5")):
        one.w, one.u = 0, 0
        returned = bb.write_back(network, into=Network(group, one), note="mine")
        np.testing.assert_allclose(one.w, [0, 0, 0])
        np.testing.assert_allclose(one.u, [1e3, 2e3, 3e3])
        assert returned.provenance["note"] == "mine"
    again = bb.from_brian2([group, one], steps=10)
    for before, after in zip(changed.projections, again.projections, strict=True):
        np.testing.assert_allclose(after.weight, before.weight)


def test_a_twin_is_written_into_the_magic_network():
    group = cells()
    one = wires(group, group)
    twin = bb.to_torch(bb.from_brian2(magic_network, steps=10))
    with torch.no_grad():
        next(twin.parameters()).copy_(torch.tensor([0.5, 1.5, 2.5]))
    bb.write_back(twin, into=magic_network)
    assert one.w[:].tolist() == [0.5, 1.5, 2.5]


def test_without_a_network_nothing_is_written():
    group = cells()
    one = wires(group, group)
    bb.write_back(bb.to_torch(read_and_change([group, one])))
    assert not one.w[:].any()


def test_a_constant_is_no_place_for_a_trained_weight(refused):
    group = cells()
    objects = [group, wires(group, group, "v += 0.1", ""), wires(group, group, name="fit")]
    net = bb.from_brian2(objects, steps=10)
    bb.write_back(bb.to_torch(net), into=objects)  # nothing was trained
    with refused("synapses 'wires' add a constant", "declare 'w : <unit>'"):
        bb.write_back(read_and_change(objects), into=objects)
    assert not objects[2].w[:].any()


def test_synapses_that_changed_are_refused_before_anything_is_set(refused):
    group = cells()
    early, late = wires(group, group, name="early"), wires(group, group, name="late")
    changed = read_and_change([group, early, late])
    with refused("has no synapses 'late'", "'early'"):
        bb.write_back(changed, into=[group, early])
    late.connect(i=0, j=0)
    with refused("synapses 'late': there are 4, but there were 3"):
        bb.write_back(changed, into=[group, early, late])
    moved = wires(group, group, name="late_too", pairs={"i": [2, 0, 1], "j": [0, 2, 1]})
    moved._name = "late"
    with refused("synapses 'late': number 1 connects other neurons"):
        bb.write_back(changed, into=[group, early, moved])
    renamed = wires(group, group, "v += weight", "weight : 1", name="late_again")
    renamed._name = "late"
    with refused("synapses 'late' no longer have the parameter 'w'", "'weight'"):
        bb.write_back(changed, into=[group, early, renamed])
    assert not early.w[:].any()


def test_networks_that_were_not_read_cannot_be_written(refused):
    net = SpikingNetwork.sequential((2,), [Dense(2, neuron_model("lif"))], encoding=Current(5))
    with refused("was not read from Brian2", "from_brian2"):
        bb.write_back(net, into=[cells()])
