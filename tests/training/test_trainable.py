"""Training is refused where it could change nothing; the message says what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, pA

import brianbridge as bb

EQUATIONS = """dv/dt = (-70*mV - v + 100*Mohm*I)/(20*ms) : volt
               dI/dt = -I/(5*ms) : amp"""
DATA = bb.from_arrays("mine", np.random.default_rng(0).random((24, 4)), np.arange(24) % 2)


def cells(n: int, name: str) -> NeuronGroup:
    group = NeuronGroup(n, EQUATIONS, threshold="v > -52*mV", reset="v = -65*mV", method="exact",
                        name=name)  # fmt: skip
    group.v = -70 * mV
    return group


def joined(name: str, source: Any, target: Any, constant: bool = False, **pairs: Any) -> Synapses:
    model, code = ("", "I += 50*pA") if constant else ("w : amp", "I += w")
    wires = Synapses(source, target, model, on_pre=code, name=name)
    wires.connect(**pairs)
    if not constant:
        wires.w = 100 * pA
    return wires


def read(*leave_out: str, constant: tuple[str, ...] = (), n: int = 2, **pairs: Any) -> Any:
    pixels = PoissonGroup(4, rates=200 * Hz, name="pixels")
    hidden, output = cells(5, "cells"), cells(n, "output")
    wires = [
        joined("first", pixels, hidden, "first" in constant, **pairs),
        joined("second", hidden, output, "second" in constant),
    ]
    kept = [one for one in wires if one.name not in leave_out]
    network = Network(pixels, hidden, output, *kept)
    return bb.from_brian2(network, steps=5 * ms, dt=1 * ms, input="pixels")


def trained(net: bb.SpikingNetwork) -> bb.training.TrainingResult:
    return bb.train(bb.to_torch(net), DATA, epochs=1)


def test_a_group_without_synapses_is_no_output(refused):
    net = read("second")
    bb.simulate(net, DATA.x[:2])  # as it is
    with refused("group 'output' receives no synapses", "add its Synapses to the Network"):
        trained(net)


def test_an_input_that_leads_nowhere(refused):
    net = read("first")
    bb.simulate(net, DATA.x[:2])
    with refused("the input leads to no group", "the samples have no effect"):
        trained(net)


def test_synapses_that_connect_nothing_are_no_path(refused):
    net = read(condition="i > 100")
    bb.simulate(net, DATA.x[:2])
    with refused("the input leads to no group"):
        trained(net)


def test_weights_beside_the_way_to_the_output(refused):
    pixels, hidden, output = PoissonGroup(4, rates=200 * Hz, name="pixels"), cells(5, "cells"), 0
    output, beside = cells(2, "output"), cells(3, "beside")
    wires = [
        joined("first", pixels, hidden, constant=True),
        joined("second", hidden, output, constant=True),
        joined("third", hidden, beside),
    ]
    network = Network(pixels, hidden, output, beside, *wires)
    net = bb.from_brian2(network, steps=5 * ms, dt=1 * ms, input="pixels", output="output")
    with refused("no trained weight can reach the readout of 'output'", "'first' and 'second'"):
        trained(net)


def test_constants_become_weights(refused):
    net = read(constant=("first", "second"))
    with refused(
        "all projections are frozen", "synapses 'first' and 'second' add constants",
        "write I += w, with 'w : amp'",
    ):  # fmt: skip
        trained(net)
    assert trained(read(constant=("second",))).best_epoch == 1


def test_the_table_of_a_network_shows_what_stays_as_it_is():
    shown = repr(read(constant=("second",)))
    assert "10 (fixed)" in shown
    assert "20 (fixed)" not in shown
    net = read()
    some = (replace(net.projections[0], frozen=True), *net.projections[1:])
    assert "20 (fixed)" in repr(replace(net, projections=some))


def test_groups_that_nothing_joins(refused):
    pixels, hidden = PoissonGroup(4, rates=200 * Hz, name="pixels"), cells(5, "cells")
    output, beside = cells(2, "output"), cells(3, "beside")
    wires = [joined("first", pixels, beside), joined("second", hidden, output)]
    network = Network(pixels, hidden, output, beside, *wires)
    net = bb.from_brian2(
        network, steps=5 * ms, dt=1 * ms, input="pixels", output="output", namespace={}
    )
    with refused("no path leads from the input to the output 'output'", "such as 'cells'"):
        trained(net)


def test_too_few_outputs_name_the_group(refused):
    with refused("has only 1 outputs: give group 'output' 2 neurons, or name", "output='cells'"):
        trained(read(n=1))
