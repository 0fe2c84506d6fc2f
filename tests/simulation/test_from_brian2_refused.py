"""What no spiking network can hold is refused when a network is read from Brian2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import (
    Function,
    Hz,
    Network,
    PoissonGroup,
    PoissonInput,
    SpatialNeuron,
    SpikeGeneratorGroup,
    Synapses,
    ms,
    network_operation,
    set_device,
)
from brian2.spatialneuron import Cylinder
from brian2_objects import LEAKY, cells, pixels, wires

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current
from brianbridge.neurons.library import neuron_model

# ---------------------------------------------------------------------- what is refused


def check_refused(refused: Any, said: tuple[str, ...], *objects: Any, **options: Any) -> None:
    with refused(*said):
        bb.from_brian2(list(objects), **{"steps": 10, **options})


@pytest.mark.parametrize(
    ("on_pre", "said"),
    [
        ("v = w", "'v = w' depends on which of several synapses comes last"),
        ("v = v + w", "write '+='"),
        ("r = 2*w; v = r", "'v = r' depends on which"),
        ("v = v_pre", "depends on which"),
        ("v += a*b", "training could change 'a', 'b'"),
        ("v += w*rand()", "'rand()' is noise"),
        ("v_post += w*square(v_post)", "'square' is a function of your own"),
        ("v += w*i", "'i' is the number of a neuron or a synapse"),
        ("v += w*0", "'w*0' is 0"),
        ("v_pre += w", "'v_pre += w' changes the source"),
        ("v += w*v_pre", "reads 'v_pre' and changes 'v_post' of the same group"),
        ("v_post += w; u_post -= v_post*w", "let two pathways do it"),
        ("r = w*v_post; v_post += r", "'v_post += r' changes what 'r = w*v_post' reads"),
        ("v_post += x", "let two pathways do it"),
        ("v += w*(1 - v_post)", "changes 'v' and calls it 'v_post', too"),
        ("v += w*rate_pre", "'rate_pre' stands for an expression of group 'cells'"),
        ("v_post += w*t_in_timesteps_post", "is no variable of the equations"),
        ("nowhere += w", "nowhere"),
        ("v += w*nowhere", "nowhere"),
        ("v += w*mV", "units"),
        ("v_post += w*v_post*mV", "units"),
    ],
)
def test_code_that_no_projection_can_hold(refused, on_pre, said):
    group = cells(equations=f"{LEAKY}\nrate = 2*v : 1\nu : 1")
    square = Function(np.square, arg_units=[1], return_unit=1)
    model = "w : 1\na : 1\nb : 1\nx = w*v_post : 1"
    one = wires(group, group, on_pre, model, namespace={"square": square})
    check_refused(refused, ("synapses 'wires'", said), group, one)


def test_a_source_of_spikes_has_no_state(refused):
    source = cells(name="source")
    group = cells()
    one = wires(source, group, "v += w*v_pre")
    check_refused(refused, ("'v_pre' is a variable of the input",), source, group, one,
                  input="source")  # fmt: skip


def test_an_assignment_on_which_the_targets_of_brian2_disagree(refused):
    group = cells(equations=f"{LEAKY} (unless refractory)", refractory=1 * ms)
    one = wires(group, group, "v = 0.5")
    check_refused(refused, ("'v = 0.5' sets a variable with the flag (unless refractory)", "'*='"),
                  group, one)  # fmt: skip


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("w : 1", {"on_pre": None}, "no on_pre"),
        ("w : 1", {"on_pre": {}}, "no on_pre"),
        ("w : 1", {"multisynaptic_index": "k"}, "multisynaptic_index"),
        ("w : 1\nx = w*v_post : 1 (constant over dt)", {"on_pre": "v += x"}, "constant over dt"),
        ("dw/dt = -w/ms + xi/ms**0.5 : 1 (clock-driven)", {"method": "euler"}, "remove 'xi'"),
        ("dw/dt = -w**2/ms : 1 (clock-driven)", {"method": "exact"}, "use method 'euler' or 'rk4'"),
        ("dw/dt = -w**2/ms : 1 (event-driven)", {}, "Event-driven equations must be linear"),
        ("w : 1\nI_post = w + v_post : 1 (summed)\nK_post = I_post : 1 (summed)",
         {"on_pre": None}, "the sum 'K_post' reads the sum 'I_post'"),
    ],
)  # fmt: skip
def test_synapses_that_do_more(refused, model, options, said):
    group = cells(equations=f"{LEAKY}\nI : 1\nK : 1")
    one = wires(group, group, **{"on_pre": "v += w", "model": model, **options})
    check_refused(refused, ("synapses 'wires'", said), group, one)


def test_synapses_onto_synapses(refused):
    group = cells()
    one = wires(group, group)
    onto = Synapses(group, one, "x : 1", on_pre="w += x", name="onto")
    onto.connect(i=0, j=0)
    check_refused(refused, ("synapses 'onto': its target 'wires'",), group, one, onto)


def test_coupling_beside_code_that_runs_regularly(refused):
    group = cells(equations=f"{LEAKY}\nI : 1")
    group.run_regularly("v += 0.1")
    gap = wires(group, group, None, "w : 1\nI_post = w*(v_pre - v_post) : 1 (summed)")
    check_refused(refused, ("coupled in every step", "run_regularly"), group, gap)


def test_spikes_of_a_generator_in_another_order_than_that_of_its_neurons(refused):
    group = cells()
    times = [1.01, 1.02, 3.0, 3.0] * ms
    source = SpikeGeneratorGroup(2, [1, 0, 1, 0], times, name="source")
    pairs = {"i": [0, 1], "j": [0, 0]}
    one = wires(source, group, "v_post += w*int(v_post < 0.4)", pairs=pairs)
    said = ("'v_post += w*int(v_post < 0.4)'", "at 1 ms 'source'", "round its spike times")
    check_refused(refused, said, source, group, one)
    source.set_spikes([1, 0], [1, 1] * ms)
    bb.from_brian2([source, group, one], steps=20)
    source.set_spikes([1, 0], [1.01, 1.02] * ms)
    driven = wires(source, group, "v_post += w*(2 - v_post)", name="driven", pairs=pairs)
    bb.from_brian2([source, group, driven], steps=20)


def test_an_input_that_comes_before_a_model(refused):
    group = cells()
    one = wires(group, group, "v += w*(1 - v)")
    one.pre.order = 1
    more = PoissonInput(group, "v", N=3, rate=5 * Hz, weight=0.1)
    said = ("(PoissonInput) adds to 'v' before", "PoissonGroup and Synapses")
    check_refused(refused, said, group, one, more)


def test_a_variable_to_train_that_is_not_there(refused):
    group = cells()
    one = wires(group, group)
    check_refused(refused, ("there are no synapses 'wire'", "'wires'"), group, one,
                  train={"wire": "w"})  # fmt: skip
    check_refused(refused, ("there is no variable 'x' to train",), group, one, train={"wires": "x"})


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
    with refused(f"network '{network.name}' has a custom schedule"):
        bb.from_brian2(network, steps=10)


def test_graded_spikes_must_be_taken(refused):
    group = neuron_model("ternary_if").group(3, name="graded")
    one = wires(group, group)
    check_refused(refused, ("carry values", "*spike_value_pre"), group, one)


def custom_event() -> list[Any]:
    group = cells(events={"up": "v > 1"})
    group.run_on_event("up", "v = 0.5", when="start")
    return [group]


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
    group.run_regularly("v += 0.1", when="end")
    return [group]


def calls_a_function() -> list[Any]:
    stimulus = Function(np.square, arg_units=[1], return_unit=1)
    equations = "dv/dt = (stimulus(v) - v)/(10*ms) : 1"
    return [cells(equations=equations, method="euler", namespace={"stimulus": stimulus})]


def linked() -> list[Any]:
    from brian2 import linked_var

    a, b = cells(), cells(name="b", equations=f"{LEAKY}\nx : 1 (linked)", reset="v = x")
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


@pytest.mark.parametrize(
    ("build_it", "said"),
    [
        (custom_event, ("group 'cells'", "custom event 'up' runs in 'start'")),
        (follows_an_event, ("synapses 'wires'", "the event 'up'")),
        (operation, ("'mine' (NetworkOperation)", "PoissonInput only")),
        (regular, ("runs in 'end'", "run_regularly")),
        (calls_a_function, ("group 'cells'", "'stimulus' is a function", "bb.register_function")),
        (linked, ("group 'b': linked variable 'x' follows 'v' of 'cells'", "this group")),
        (compartments, ("'cable' (SpatialNeuron)",)),
        (inactive, ("'cells' (NeuronGroup) is not active",)),
        (two_clocks, ("group 'slow' has a step of 1 ms", "'cells' one of 0.1 ms")),
        (lambda: [PoissonGroup(2, 3 * Hz, name="dice")], ("has no NeuronGroup",)),
        (lambda: [pixels()], ("has no NeuronGroup",)),
        (lambda: [None], ("not a Brian2 network",)),
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
    check_refused(refused, ("steps = 0.25 ms is not a multiple", "0.2 ms"), *objects, input=source,
                  steps=0.25 * ms)  # fmt: skip
    check_refused(refused, ("steps = 0",), *objects, input=source, steps=0)
    check_refused(refused, ("encoding 'bernoulli' has 5 steps of 0.1 ms", "needs 10"), *objects,
                  input=source, encoding=Bernoulli(5, dt=1e-4))  # fmt: skip
    check_refused(refused, ("encoding 'current' gives no spikes", "'pixels'"), *objects,
                  input=source, encoding=Current(10, dt=1e-4))  # fmt: skip
    for network in ("cells", 3, None, group):
        with refused("is not a Brian2 network"):
            bb.from_brian2(network, steps=10)


def test_a_network_that_has_run(refused):
    group = cells(refractory=2 * ms)
    network = Network(group, wires(group, group, delay=1 * ms))
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
    check_refused(
        refused,
        ("'cpp_standalone'", "brian2.devices.reset_device(), and build the network again"),
        cells(),
    )
