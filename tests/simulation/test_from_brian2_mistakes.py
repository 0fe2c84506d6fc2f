"""Mistakes in scripts of Brian2 are told when the network is read, with a remedy that works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    Synapses,
    TimedArray,
    ms,
)
from brian2_objects import cells, pixels, wires

import brianbridge as bb


def read(*objects: Any, **options: Any) -> bb.SpikingNetwork:
    return bb.from_brian2(Network(*objects), **{"steps": 10, "input": "pixels", **options})


def network(n: int = 3, **options: Any) -> list[Any]:
    source, group = pixels(n), cells()
    return [source, group, wires(source, group, **options)]


def test_synapses_without_connect(refused):
    source, group = pixels(), cells()
    third = Synapses(source, group, "w : 1", on_pre="v += w", name="third")
    with refused("synapses 'third' has no synapses; call its connect(...)"):
        read(source, group, third)
    third.connect(p=0)  # a condition that no pair fulfils is none of Brian2's errors
    assert read(source, group, third).projections[0].weight.size == 0


def test_an_input_with_equations(refused):
    objects, other = network(), cells(name="other")
    said = ("input: 'cells' is a NeuronGroup with equations", "PoissonGroup, input='pixels'")
    with refused(*said):
        read(*objects, input="cells")
    objects += [other, wires(objects[1], other, name="second")]
    with refused(*said):
        read(*objects, input="cells")
    assert read(*objects, input="pixels").input_shape == (3,)


def test_code_that_runs_between_the_steps_of_the_twin(refused):
    objects = network()
    objects[1].run_regularly("v *= 0.9", dt=0.5 * ms)
    with refused("group 'cells': code 'v *= 0.9'", "or read the network with dt=0.5*ms"):
        read(*objects, steps=20 * ms, dt=1 * ms)
    assert read(*objects, steps=20 * ms, dt=0.5 * ms).steps == 40


def test_rates_of_0_name_an_encoding_that_works(refused):
    source, group = PoissonGroup(3, rates=0 * Hz, name="pixels"), cells()
    objects = [source, group, wires(source, group)]
    with refused("give the largest one, encoding=bb.Poisson(steps=20, dt=1*ms, rate=50*Hz)"):
        read(*objects, steps=20 * ms, dt=1 * ms)
    named = eval("bb.Poisson(steps=20, dt=1*ms, rate=50*Hz)", {"bb": bb, "ms": ms, "Hz": Hz})
    net = read(*objects, steps=20 * ms, dt=1 * ms, encoding=named)
    assert "poisson (up to 50 Hz) input" in repr(net)


def test_the_largest_rate_of_an_input_is_shown():
    assert "bernoulli (up to 1000 Hz) input" in repr(read(*network(), steps=20, dt=1 * ms))


@pytest.mark.parametrize("reason", ["delays", "generator", "time", "clock", "rates"])
def test_a_network_that_has_run_and_counts_from_0(refused, reason):
    objects = network(**({"delay": 1 * ms} if reason == "delays" else {}))
    group = objects[1]
    said = {
        "delays": "delayed spikes of synapses 'wires'", "generator": "the spikes of 'own' count",
        "time": "the code of 'timed' depends on t", "clock": "'cells' runs code at times",
        "rates": "the code of 'rates' depends on t",
    }  # fmt: skip
    if reason == "generator":
        objects.append(SpikeGeneratorGroup(2, [0], [1] * ms, name="own"))
    elif reason == "time":
        timed = cells(name="timed", equations="dv/dt = (t/second - v)/(10*ms) : 1", method="euler")
        objects.append(timed)
    elif reason == "clock":
        group.run_regularly("v *= 0.9", dt=0.5 * ms)
    elif reason == "rates":
        stimulus = TimedArray([10, 30] * Hz, dt=2 * ms)
        objects.append(
            PoissonGroup(2, "stimulus(t)", name="rates", namespace={"stimulus": stimulus})
        )
    mine = Network(*objects)
    mine.store()
    mine.run(3 * ms)
    with refused(
        "has run to t = 3 ms", said[reason], "build it again, or call network.store() before run()",
        "network.restore() after it",
    ):  # fmt: skip
        bb.from_brian2(mine, steps=10, input="pixels")
    mine.restore()
    assert bb.from_brian2(mine, steps=10, input="pixels").steps == 10


def test_a_network_that_has_run_without_delays():
    mine = Network(*network())
    mine.run(3 * ms)
    assert bb.from_brian2(mine, steps=10, input="pixels").steps == 10


def R_m(x: float) -> float:
    """Do what the constant that is missing below has nothing to do with."""
    return x


def test_a_function_of_the_caller_is_no_constant(refused):
    group = NeuronGroup(
        2, "dv/dt = (R_m - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact",
        name="bad",
    )  # fmt: skip
    with refused("unknown variable 'R_m'"):
        bb.from_brian2(Network(group), steps=10, namespace={"R_m": R_m})


def test_units_of_a_threshold_have_names(refused):
    group = NeuronGroup(
        2, "dv/dt = -v/(10*ms) : volt", threshold="v>1", reset="v = 0*mV", method="exact",
        name="bad",
    )  # fmt: skip
    with refused("neuron model 'bad', threshold 'v > 1'", "Expression 'v' has unit (volt)"):
        bb.from_brian2(Network(group), steps=10)


@pytest.mark.parametrize("use", [bb.to_torch, bb.verify])
def test_a_network_of_brian2_in_place_of_ours(refused, use):
    data = () if use is bb.to_torch else ((np.zeros((4, 3)), [0, 1, 0, 1]),)
    with refused("brian2.Network was given", "bb.from_brian2(network, steps=..., input=...)"):
        use(Network(*network()), *data)
