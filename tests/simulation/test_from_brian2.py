"""Networks that exist in Brian2 are read as they are, and written back to; or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    PoissonInput,
    PopulationRateMonitor,
    SpatialNeuron,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    magic_network,
    ms,
    network_operation,
    seed,
    set_device,
)
from brian2.spatialneuron import Cylinder

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, EncodedInput, Latency
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.builder import build

LEAKY = "dv/dt = -v/(10*ms) : 1"
FIRING = {"threshold": "v > 1", "reset": "v = 0", "method": "exact"}


def cells(n: int = 3, name: str = "cells", equations: str = LEAKY, **options: Any) -> NeuronGroup:
    return NeuronGroup(n, equations, name=name, **{**FIRING, **options})


def wires(
    source: Any, target: Any, on_pre: Any = "v += w", model: str = "w : 1", **options: Any
) -> Synapses:
    pairs = options.pop("pairs", {"i": [2, 0, 1], "j": [0, 1, 1]})
    options.setdefault("name", "wires")
    synapses = Synapses(source, target, model, on_pre=on_pre, **options)
    synapses.connect(**pairs)
    return synapses


def pixels(n: int = 3) -> SpikeGeneratorGroup:
    return SpikeGeneratorGroup(n, [], [] * ms, name="pixels")


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
    theirs = bb.simulate(net, x, schedule="default", path="reference")
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
    bb.save(changed, tmp_path / "network.h5")
    for network in (changed, bb.load(tmp_path / "network.h5")):
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
    with refused("synapses 'wires' add one constant", "declare 'w : <unit>'"):
        bb.write_back(read_and_change(objects), into=objects)
    assert not objects[2].w[:].any()


def test_synapses_that_changed_are_refused_before_anything_is_set(refused):
    group = cells()
    early, late = wires(group, group, name="early"), wires(group, group, name="late")
    changed = read_and_change([group, early, late])
    with refused("has no synapses 'late'", "'early'"):
        bb.write_back(changed, into=[group, early])
    late.connect(i=0, j=0)
    with refused("synapses 'late': there are 4, and there were 3"):
        bb.write_back(changed, into=[group, early, late])
    moved = wires(group, group, name="late_too", pairs={"i": [2, 0, 1], "j": [0, 2, 1]})
    moved._name = "late"
    with refused("synapses 'late': number 1 connects other neurons"):
        bb.write_back(changed, into=[group, early, moved])
    renamed = wires(group, group, "v += weight", "weight : 1", name="late_again")
    renamed._name = "late"
    with refused("synapses 'late' have no parameter 'w'", "'weight'"):
        bb.write_back(changed, into=[group, early, renamed])
    assert not early.w[:].any()


def test_networks_that_were_not_read_cannot_be_written(refused):
    net = SpikingNetwork.sequential((2,), [Dense(2, neuron_model("lif"))], encoding=Current(5))
    with refused("was not read from Brian2", "from_brian2"):
        bb.write_back(net, into=[cells()])


# ---------------------------------------------------------------------- what is refused


def check_refused(refused: Any, said: tuple[str, ...], *objects: Any, **options: Any) -> None:
    with refused(*said):
        bb.from_brian2(list(objects), **{"steps": 10, **options})


@pytest.mark.parametrize(
    ("on_pre", "said"),
    [
        ("v = w", "'v = ...' does not add"),
        ("v *= w", "'v *= ...' does not add"),
        ("v = v + w", "'v = ...' does not add"),
        ("v += w*v_post", "'v_post' in 'w*v_post' is no constant"),
        ("v += w*(1 - v)", "is no constant"),
        ("v += w*u", "several variables"),
        ("v += w + u", "'w + u' is no constant"),
        ("v += w**2", "is no constant"),
        ("v += 1/w", "is no constant"),
        ("v += w*rand()", "'rand' is a function"),
        ("v += w*rand()*i", "'rand' is a function"),
        ("v += w*i", "'i' in 'w*i' is no constant"),
        ("v += w*0", "'w*0' is 0"),
        ("v += x", "'x' stands for an expression"),
        ("w += 0.1", "'w' is no variable of the target"),
        ("v_pre += w", "'v_pre' belongs to the source"),
        ("v += clip(w, 0, 1)", "is no constant"),
        ("nowhere += w", "nowhere"),
        ("v += w*nowhere", "nowhere"),
        ("v += w*mV", "units"),
        ("v += w; v += w", "'w' is added in several places"),
        ("v += w\nw = clip(w + 0.1, 0, 1)", "'w = ...' does not add"),
    ],
)
def test_code_that_does_more_than_add_a_weight(refused, on_pre, said):
    group = cells()
    one = wires(group, group, on_pre, "w : 1\nu : 1\nx = w*2 : 1")
    check_refused(refused, ("synapses 'wires'", said), group, one)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("dw/dt = -w/(5*ms) : 1 (event-driven)", {}, "event-driven"),
        ("dw/dt = -w/(5*ms) : 1 (clock-driven)", {"method": "exact"}, "differential equation"),
        ("w : 1\nI_post = w : 1 (summed)", {}, "summed variable"),
        ("w : 1", {"on_post": "w += 0.1"}, "on_post 'w += 0.1'"),
        ("w : 1", {"on_pre": None}, "no on_pre"),
        ("w : 1", {"on_pre": {}}, "no on_pre"),
    ],
)
def test_synapses_that_do_more(refused, model, options, said):
    group = cells(equations=f"{LEAKY}\nI : 1")
    one = wires(group, group, **{"on_pre": "v += w", "model": model, **options})
    check_refused(refused, ("synapses 'wires'", said), group, one)


def test_synapses_that_run_something_besides(refused):
    group = cells()
    one = wires(group, group)
    one.run_regularly("w *= 0.9", dt=1 * ms)
    check_refused(refused, ("synapses 'wires' runs", "run_regularly"), group, one)


def test_synapses_between_others(refused):
    group, other = cells(), cells(name="other")
    check_refused(refused, ("its source 'other'", "add it"), group, wires(other, group))
    check_refused(refused, ("its target 'other'", "add it"), group, wires(group, other, name="w2"))
    into = wires(other, group, name="w3")
    back = wires(group, other, name="w4")
    said = ("synapses 'w4' leads to the input",)
    check_refused(refused, said, group, other, into, back, input=other)


def test_delays_that_differ(refused):
    group = cells()
    one = wires(group, group)
    one.delay = [1, 2, 3] * ms
    said = ("synapses 'wires' has delays from 1 ms to 3 ms", "split it")
    check_refused(refused, said, group, one)


def test_another_order(refused):
    group = cells()
    one = wires(group, group)
    one.pre.when = "end"
    check_refused(refused, ("'wires_pre' runs in 'end'",), group, one)
    one.pre.when = "synapses"
    group.resetter["spike"].when = "before_synapses"
    check_refused(refused, ("group 'cells'", "runs in 'before_synapses'"), group, one)
    group.resetter["spike"].when = "resets"
    network = Network(group, one)
    network.schedule = ["start", "synapses", "groups", "thresholds", "resets", "end"]
    with refused(f"network '{network.name}' has a schedule of its own"):
        bb.from_brian2(network, steps=10)


def test_graded_spikes_must_be_taken(refused):
    group = neuron_model("ternary_if").group(3, name="graded")
    one = wires(group, group)
    check_refused(refused, ("carry values", "*spike_value_pre"), group, one)


def custom_event() -> list[Any]:
    return [cells(events={"up": "v > 1"})]


def follows_an_event() -> list[Any]:
    group = cells(events={"up": "v > 1"})
    return [group, wires(group, group, on_event="up")]


def operation() -> list[Any]:
    @network_operation(name="mine")
    def mine() -> None:
        pass

    return [cells(), mine]


def regular() -> list[Any]:
    group = cells()
    group.run_regularly("v += 0.1", dt=1 * ms)
    return [group]


def timed() -> list[Any]:
    stimulus = TimedArray([1, 2], dt=1 * ms)
    equations = "dv/dt = (stimulus(t) - v)/(10*ms) : 1"
    return [cells(equations=equations, method="euler", namespace={"stimulus": stimulus})]


def linked() -> list[Any]:
    from brian2 import linked_var

    a, b = cells(), cells(name="b", equations=f"{LEAKY}\nx : 1 (linked)")
    b.x = linked_var(a, "v")
    return [a, b]


def compartments() -> list[Any]:
    from brian2 import amp, cm, metre, siemens, uF, um

    shape = Cylinder(length=10 * um, diameter=1 * um, n=2)
    leak = "Im = gl*v : amp/meter**2"
    constants = {"gl": 1 * siemens / metre**2, "amp": amp}
    return [SpatialNeuron(shape, leak, Cm=1 * uF / cm**2, namespace=constants, name="cable")]


def inactive() -> list[Any]:
    group = cells()
    group.active = False
    return [group]


def two_clocks() -> list[Any]:
    return [cells(), cells(name="slow", dt=1 * ms)]


def poisson_input() -> list[Any]:
    group = cells()
    return [group, PoissonInput(group, "v", 3, 10 * Hz, 0.1)]


def noisy(where: str) -> Callable[[], list[Any]]:
    def build_it() -> list[Any]:
        noise = "dv/dt = -v/(10*ms) + xi*(10*ms)**-0.5 : 1"
        options = {
            "equations": {"equations": noise, "method": "euler"},
            "threshold": {"threshold": "v > rand()"},
            "reset": {"reset": "v = randn()"},
        }[where]
        return [cells(**options)]

    return build_it


@pytest.mark.parametrize(
    ("build_it", "said"),
    [
        (custom_event, ("group 'cells'", "custom event 'up'")),
        (follows_an_event, ("synapses 'wires'", "the event 'up'")),
        (operation, ("'mine' (NetworkOperation)", "NeuronGroup and Synapses only")),
        (regular, ("group 'cells' runs", "run_regularly")),
        (timed, ("group 'cells'", "'stimulus' is a function")),
        (linked, ("'x'", "(linked)")),
        (compartments, ("'cable' (SpatialNeuron)",)),
        (inactive, ("'cells' (NeuronGroup) is not active",)),
        (two_clocks, ("group 'slow' has a step of 1 ms", "'cells' one of 0.1 ms")),
        (poisson_input, ("(PoissonInput)", "NeuronGroup and Synapses only")),
        (noisy("equations"), ("group 'cells' has noise ('xi')",)),
        (noisy("threshold"), ("group 'cells' has noise ('rand')",)),
        (noisy("reset"), ("group 'cells' has noise ('randn')",)),
        (lambda: [PoissonGroup(2, 3 * Hz, name="dice")], ("'dice'", "input='dice'")),
        (lambda: [pixels()], ("'pixels'", "input='pixels'")),
        (lambda: [], ("has no NeuronGroup",)),
        (lambda: [None], ("no Brian2 network",)),
    ],
)
def test_what_no_spiking_network_can_hold(refused, build_it, said):
    check_refused(refused, said, *build_it())


def test_arguments_that_fit_nothing(refused):
    source, group = pixels(), cells()
    objects = [source, group, wires(source, group)]
    check_refused(refused, ("input: the network has no group 'pixel'", "'pixels'"), *objects,
                  input="pixel")  # fmt: skip
    check_refused(refused, ("output: the network has no group 'cell'", "'cells'"), *objects,
                  input=source, output="cell")  # fmt: skip
    check_refused(
        refused, ("input: the network has no group", "mean 'cells'"), *objects, input=group[:2]
    )
    check_refused(refused, ("group 'cells' fires",), *objects, input=source, readout="potential")
    check_refused(refused, ("steps = 0.25 ms is no multiple", "0.2 ms"), *objects, input=source,
                  steps=0.25 * ms)  # fmt: skip
    check_refused(refused, ("steps = 0",), *objects, input=source, steps=0)
    check_refused(refused, ("encoding 'bernoulli' has 5 steps of 0.1 ms", "needs 10"), *objects,
                  input=source, encoding=Bernoulli(5, dt=1e-4))  # fmt: skip
    check_refused(refused, ("encoding 'current' gives no spikes", "'pixels'"), *objects,
                  input=source, encoding=Current(10, dt=1e-4))  # fmt: skip
    for network in ("cells", 3, None, group):
        with refused("is no Brian2 network"):
            bb.from_brian2(network, steps=10)


def test_a_network_that_has_run(refused):
    group = cells(refractory=2 * ms)
    network = Network(group, wires(group, group))
    network.store()
    group.v = 2
    network.run(1 * ms)
    with refused(f"network '{network.name}' has run to t = 1 ms", "restore()"):
        bb.from_brian2(network, steps=10)
    with refused("group 'cells' has fired already"):
        bb.from_brian2(list(network.objects), steps=10)
    network.restore()
    bb.from_brian2(network, steps=10)


def test_standalone_mode(refused, tmp_path):
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    check_refused(refused, ("standalone mode", "set_device"), cells())
